//! Scopes of futures: polled by siblings, on several threads, dropped, forgotten and panicking.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context as TaskContext, Poll};

use context_core::context::{
    AsyncClientContext, Context, ContextModel, DeploymentContext, InCurrentContext, TagsContext,
};
use context_core::record::Client;
use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::task::JoinSet;

use crate::support::{
    Notes, bare_spawn, deployment, nothing_is_ambient, panic_silently, panics, poll, runtime, seen,
    tags, within, yield_now,
};

/// Asserts that it sees exactly `expected`, again after each of `awaits` awaits.
async fn sees(expected: String, awaits: usize) {
    assert_eq!(seen(), expected);
    for _ in 0..awaits {
        yield_now().await;
        assert_eq!(seen(), expected);
    }
}

#[tokio::test]
async fn joined_siblings_see_only_their_own_tags() {
    tags("x")
        .scope(async {
            let all = tokio::join!(
                tags("a").scope(sees("a, x".to_owned(), 3)),
                sees("x".to_owned(), 5),
                tags("b").scope(sees("b, x".to_owned(), 2)),
                TagsContext::new(["c"]).scope(sees("c, x".to_owned(), 4)),
                Context::empty().scope(sees(String::new(), 4)),
            );
            assert_eq!(all, ((), (), (), (), ()));
            assert_eq!(seen(), "x");
        })
        .await;
    assert!(nothing_is_ambient());
}

#[tokio::test]
async fn the_loser_of_a_select_is_dropped_inside_its_scope() {
    let notes = Notes::default();
    tags("x")
        .scope(async {
            for steps in 0..5 {
                let loser = tags("l").scope(async {
                    let _note = notes.on_drop();
                    loop {
                        yield_now().await;
                    }
                });
                let winner = tags("w").scope(sees("w, x".to_owned(), steps));
                tokio::select! {
                    biased;
                    () = loser => unreachable!("it never ends"),
                    () = winner => assert_eq!(seen(), "x"),
                }
                assert_eq!(seen(), "x");
            }
        })
        .await;
    assert_eq!(notes.all(), ["l, x"; 5]);
}

#[test]
fn a_join_set_on_many_threads_keeps_contexts_apart() {
    runtime().block_on(async {
        let mut set = JoinSet::new();
        for index in 0..200_u32 {
            let own = index.to_string();
            let future = TagsContext::new([own.clone()])
                .in_scope(|| sees(own, index as usize % 7).in_current_context());
            set.spawn(future);
            set.spawn(sees(String::new(), 3));
        }
        assert_eq!(set.join_all().await.len(), 400);
    });
    assert!(nothing_is_ambient());
}

#[tokio::test]
async fn unordered_futures_keep_contexts_apart() {
    let all: FuturesUnordered<_> = (0..100_u32)
        .map(|index| TagsContext::new([index.to_string()]).scope(sees(index.to_string(), 3)))
        .collect();
    tags("x").scope(async { assert_eq!(all.count().await, 100) }).await;
    assert!(nothing_is_ambient());
}

#[test]
fn alternate_polls_by_hand_keep_contexts_apart() {
    let mut a = Box::pin(tags("a").scope(sees("a".to_owned(), 6)));
    let mut b = Box::pin(within("b", || deployment(2).scope(sees("b".to_owned(), 6))));
    for step in 0..7 {
        let (first, second) = within("host", || {
            let polled = (poll(&mut a), poll(&mut b));
            assert_eq!(seen(), "h, o, s, t");
            assert!(DeploymentContext::get().is_none());
            polled
        });
        assert_eq!((first.is_ready(), second.is_ready()), (step == 6, step == 6));
        assert!(nothing_is_ambient());
    }
}

#[test]
fn a_future_is_polled_on_one_thread_and_then_on_another() {
    let mut future: BoxFuture<'static, ()> = tags("a").scope(sees("a".to_owned(), 9)).boxed();
    for host in ["b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        future = std::thread::spawn(move || {
            within(host, || {
                assert!(poll(&mut future).is_pending());
                assert_eq!(seen(), host);
            });
            assert!(nothing_is_ambient());
            future
        })
        .join()
        .unwrap();
        within("z", || {
            assert_eq!(seen(), "z");
        });
    }
    assert!(within("z", || poll(&mut future)).is_ready());
    assert!(nothing_is_ambient());
}

#[test]
fn a_future_dropped_half_way_on_another_thread_is_destroyed_in_its_own_context() {
    let notes = Notes::default();
    let note = notes.clone();
    let mut future: BoxFuture<'static, ()> = tags("a")
        .scope(async move {
            let _outer = note.on_drop();
            let inner = async {
                let _inner = note.on_drop();
                std::future::pending::<()>().await;
            };
            tags("b").scope(inner).await;
        })
        .boxed();
    assert!(poll(&mut future).is_pending());
    std::thread::spawn(move || {
        within("host", || {
            drop(future);
            assert_eq!(seen(), "h, o, s, t");
        });
        assert!(nothing_is_ambient());
    })
    .join()
    .unwrap();
    assert_eq!(notes.all(), ["a, b", "a"]);
    assert!(nothing_is_ambient());
}

#[test]
fn a_future_that_was_never_polled_is_dropped_in_its_own_context() {
    let notes = Notes::default();
    let captured = notes.on_drop();
    let future = tags("a").scope(async move {
        drop(captured);
    });
    within("host", || drop(future));
    assert_eq!(notes.all(), ["a"]);
}

#[test]
fn a_finished_future_is_destroyed_before_its_scope_is_left() {
    struct Immediate(
        #[expect(dead_code, reason = "held for its destructor")] crate::support::NoteOnDrop,
    );
    impl Future for Immediate {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }

    let notes = Notes::default();
    let mut future = Box::pin(tags("a").scope(Immediate(notes.on_drop())));
    assert!(poll(&mut future).is_ready());
    assert_eq!(notes.all(), ["a"]);
    drop(future);
    assert_eq!(notes.all(), ["a"], "once");
}

#[test]
fn a_forgotten_future_leaves_nothing_behind() {
    let mut future = Box::pin(tags("a").scope(std::future::pending::<()>()));
    assert!(poll(&mut future).is_pending());
    #[expect(clippy::mem_forget, reason = "a leak is safe, so it must be harmless")]
    std::mem::forget(future);
    assert!(nothing_is_ambient());
}

#[test]
fn a_panic_in_poll_restores_the_poller() {
    let notes = Notes::default();
    let mut future = Box::pin(tags("a").scope(async {
        let _outer = notes.on_drop();
        yield_now().await;
        tags("b")
            .scope(async {
                let _inner = notes.on_drop();
                yield_now().await;
                panic_silently();
            })
            .await;
    }));
    within("host", || {
        assert!(poll(&mut future).is_pending());
        assert!(poll(&mut future).is_pending());
        assert!(panics(|| poll(&mut future)));
        assert_eq!(seen(), "h, o, s, t");
        drop(future);
        assert_eq!(seen(), "h, o, s, t");
    });
    assert_eq!(notes.all(), ["a, b", "a"]);
    assert!(nothing_is_ambient());
}

#[test]
fn a_panic_in_a_destructor_restores_the_dropper() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_silently();
        }
    }

    let notes = Notes::default();
    let (note, note_of_rest) = (notes.clone(), notes.clone());
    let mut future = Box::pin(tags("a").scope(async move {
        let _rest = note_of_rest.on_drop();
        let _bomb = Bomb;
        let _first = note.on_drop();
        std::future::pending::<()>().await;
    }));
    within("host", || {
        assert!(poll(&mut future).is_pending());
        assert!(panics(|| drop(future)));
        assert_eq!(seen(), "h, o, s, t");
    });
    assert_eq!(notes.all(), ["a", "a"]);
    assert!(nothing_is_ambient());
}

#[tokio::test]
async fn a_panic_that_the_future_catches_itself_stays_inside() {
    tags("a")
        .scope(async {
            let caught = std::panic::AssertUnwindSafe(tags("b").scope(async {
                yield_now().await;
                panic_silently()
            }))
            .catch_unwind()
            .await;
            let caught: Result<(), _> = caught;
            assert!(caught.is_err());
            sees("a".to_owned(), 2).await;
        })
        .await;
    assert!(nothing_is_ambient());
}

#[tokio::test]
async fn a_panic_in_one_of_two_joined_futures_does_not_reach_the_other() {
    tags("x")
        .scope(async {
            let panicking = tags("p").scope(async {
                yield_now().await;
                panic_silently()
            });
            let (panicked, ()) = tokio::join!(
                std::panic::AssertUnwindSafe(panicking).catch_unwind(),
                tags("s").scope(sees("s, x".to_owned(), 4)),
            );
            let panicked: Result<(), _> = panicked;
            assert!(panicked.is_err());
            assert_eq!(seen(), "x");
        })
        .await;
}

#[test]
fn worker_threads_are_clean_after_panics_and_aborts() {
    let runtime = runtime();
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for index in 0..100 {
            tasks.push(bare_spawn(tags("a").scope(async move {
                for _ in 0..index % 5 {
                    tokio::task::yield_now().await;
                }
                if index % 2 == 0 {
                    panic_silently();
                }
                std::future::pending::<()>().await;
            })));
        }
        for (index, task) in tasks.into_iter().enumerate() {
            if index % 2 == 1 {
                task.abort();
            }
            assert!(task.await.is_err());
        }
        let clean: Vec<_> = (0..64).map(|_| bare_spawn(async { nothing_is_ambient() })).collect();
        for task in clean {
            assert!(task.await.unwrap());
        }
    });
}

#[tokio::test]
async fn a_scope_sees_what_surrounded_its_call_and_not_its_await() {
    let future = within("a", || tags("b").scope(async { seen() }));
    let everything = tags("x").scope(future).await;
    assert_eq!(everything, "a, b");
}

#[tokio::test]
async fn a_client_ends_with_its_future_and_not_with_the_place_the_future_stood_in() {
    let captured = OnceLock::new();
    let mut future = Box::pin(AsyncClientContext::new(Client::off()).scope(async {
        captured.get_or_init(Context::current);
        assert!(AsyncClientContext::get().is_some());
    }));
    future.as_mut().await;
    // `future` has ended and still stands here.
    assert!(captured.get().unwrap().run(AsyncClientContext::get).is_none());
    drop(future);
}
