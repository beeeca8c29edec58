//! Blocks that are left while their function is suspended: what `tags!("a", { … })` expands to in async code.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use context_core::context::{InCurrentContext, spawn};
use context_core::private::{SuspendExt as _, TagsBlock};
use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use crate::support::{
    Notes, bare_spawn, nothing_is_ambient, panic_silently, panics, poll, runtime, seen, tags,
    within, yield_now,
};

/// A block with one tag that awaits `awaits` times, in what it takes to be the tags `around`.
async fn block(letter: &'static str, around: &'static str, awaits: usize) {
    let inside = || {
        let mut all: Vec<_> = around.chars().chain(letter.chars()).map(String::from).collect();
        all.sort();
        all.dedup();
        all.join(", ")
    };
    {
        let mut scope = TagsBlock::enter(tags(letter));
        assert_eq!(seen(), inside());
        for _ in 0..awaits {
            yield_now().__context_suspend(&mut scope).await;
            assert_eq!(seen(), inside());
        }
    }
    assert_eq!(seen(), around);
    yield_now().await;
    assert_eq!(seen(), around);
}

/// Two blocks, one in the other, whose destructors and awaits are noted.
async fn nested(notes: &Notes) {
    let _outside = notes.on_drop();
    let mut outer = TagsBlock::enter(tags("a"));
    let _in_outer = notes.on_drop();
    yield_now().__context_suspend(&mut outer).await;
    {
        let mut inner = TagsBlock::enter(tags("b"));
        let _in_inner = notes.on_drop();
        let awaited = async {
            let _in_awaited = notes.on_drop();
            assert_eq!(seen(), "a, b");
            yield_now().await;
            assert_eq!(seen(), "a, b");
            yield_now().await;
        };
        awaited.__context_suspend(&mut inner).__context_suspend(&mut outer).await;
        assert_eq!(seen(), "a, b");
    }
    assert_eq!(seen(), "a");
    yield_now().__context_suspend(&mut outer).await;
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_block_holds_through_awaits_and_ends() {
    is_send(block("a", "", 5)).await;
    assert!(nothing_is_ambient());
    tags("x").scope(block("a", "x", 3)).await;
    assert!(nothing_is_ambient());
}

#[tokio::test]
async fn joined_blocks_never_see_each_other() {
    tokio::join!(block("a", "", 3), block("b", "", 5), block("c", "", 1), async {
        for _ in 0..6 {
            assert!(nothing_is_ambient());
            yield_now().await;
        }
    });
    assert!(nothing_is_ambient());
}

#[tokio::test]
async fn blocks_among_unordered_futures_never_see_each_other() {
    let letters = ["a", "b", "c", "d", "e", "f", "g"];
    let all: FuturesUnordered<_> =
        (0..70).map(|index| block(letters[index % 7], "", index % 11)).collect();
    assert_eq!(all.count().await, 70);
    assert!(nothing_is_ambient());
}

#[tokio::test]
async fn the_loser_of_a_select_leaves_its_block_in_its_block() {
    let notes = Notes::default();
    for steps in 0..6 {
        tokio::select! {
            biased;
            () = async {
                let mut scope = TagsBlock::enter(tags("l"));
                let _note = notes.on_drop();
                std::future::pending::<()>().__context_suspend(&mut scope).await;
            } => unreachable!("it never ends"),
            () = block("w", "", steps) => assert!(nothing_is_ambient()),
        }
        assert!(nothing_is_ambient());
    }
    assert_eq!(notes.all(), ["l"; 6]);
}

#[test]
fn destructors_of_a_function_dropped_in_nested_blocks_see_the_block_they_stand_in() {
    // What is destroyed, and where, after so many polls.
    let expected: [&[&str]; 5] = [
        &[],
        &["a", ""],
        &["a, b", "a, b", "a", ""],
        &["a, b", "a, b", "a", ""],
        // The inner block has ended by itself.
        &["a, b", "a, b", "a", ""],
    ];
    for (polls, expected) in expected.into_iter().enumerate() {
        let notes = Notes::default();
        let mut future = Box::pin(nested(&notes));
        for _ in 0..polls {
            assert!(poll(&mut future).is_pending());
            assert!(nothing_is_ambient());
        }
        drop(future);
        assert!(nothing_is_ambient());
        assert_eq!(notes.all(), expected, "after {polls} polls");
    }
    let notes = Notes::default();
    let mut future = Box::pin(nested(&notes));
    for _ in 0..4 {
        assert!(poll(&mut future).is_pending());
    }
    assert!(poll(&mut future).is_ready());
    assert_eq!(notes.all(), ["a, b", "a, b", "a", ""]);
}

#[test]
fn a_block_dropped_half_way_under_another_context_restores_that_context() {
    let notes = Notes::default();
    let mut future = Box::pin(nested(&notes));
    for _ in 0..2 {
        assert!(poll(&mut future).is_pending());
    }
    within("host", || {
        drop(future);
        assert_eq!(seen(), "h, o, s, t");
    });
    // What belongs to no block is destroyed in the dropper's context, since no scope carries this future.
    assert_eq!(notes.all(), ["a, b", "a, b", "a", "h, o, s, t"]);
    assert!(nothing_is_ambient());
}

#[test]
fn alternate_polls_by_hand_keep_blocks_apart() {
    let mut a = Box::pin(block("a", "x", 4));
    let mut b = Box::pin(block("b", "x", 4));
    for step in 0..6 {
        let ready = within("x", || {
            let first = poll(&mut a).is_ready();
            assert_eq!(seen(), "x");
            let second = poll(&mut b).is_ready();
            assert_eq!(seen(), "x");
            (first, second)
        });
        assert_eq!(ready, (step == 5, step == 5));
        assert!(nothing_is_ambient());
    }
}

#[test]
fn a_block_is_resumed_on_another_thread_on_top_of_that_threads_context() {
    let mut future: BoxFuture<'static, ()> = Box::pin(async {
        {
            let mut scope = TagsBlock::enter(tags("a"));
            for _ in 0..4 {
                yield_now().__context_suspend(&mut scope).await;
                assert_eq!(seen(), "a, x", "the block is as it was when it was entered");
            }
        }
        assert_eq!(seen(), "y", "what is under the block now");
        yield_now().await;
    });
    assert!(within("x", || poll(&mut future)).is_pending());
    for polls in 0..4 {
        future = std::thread::spawn(move || {
            within("y", || {
                assert!(poll(&mut future).is_pending(), "{polls}");
                assert_eq!(seen(), "y");
            });
            assert!(nothing_is_ambient());
            future
        })
        .join()
        .unwrap();
    }
    assert!(poll(&mut future).is_ready());
    assert!(nothing_is_ambient());
}

#[test]
fn blocks_move_between_the_threads_of_a_runtime() {
    runtime().block_on(async {
        let tasks: Vec<_> = (0..400)
            .map(|index| {
                bare_spawn(async move {
                    let mut threads = std::collections::HashSet::new();
                    let mut scope = TagsBlock::enter(tags("a"));
                    for _ in 0..index % 13 {
                        tokio::task::yield_now().__context_suspend(&mut scope).await;
                        assert_eq!(seen(), "a");
                        threads.insert(std::thread::current().id());
                    }
                    let inner = spawn(block("b", "a", index % 3));
                    inner.__context_suspend(&mut scope).await.unwrap();
                    assert_eq!(seen(), "a");
                    drop(scope);
                    assert!(nothing_is_ambient());
                    threads.len()
                })
            })
            .collect();
        for task in tasks {
            assert!(nothing_is_ambient());
            task.await.unwrap();
        }
    });
}

#[test]
fn a_forgotten_function_leaves_its_block_suspended() {
    let mut future = Box::pin(block("a", "", 3));
    assert!(poll(&mut future).is_pending());
    #[expect(clippy::mem_forget, reason = "a leak is safe, so it must be harmless")]
    std::mem::forget(future);
    assert!(nothing_is_ambient());
}

#[test]
fn a_panic_in_a_block_leaves_every_block_it_unwinds() {
    let notes = Notes::default();
    let mut future = Box::pin(async {
        let mut outer = TagsBlock::enter(tags("a"));
        let _in_outer = notes.on_drop();
        let mut inner = TagsBlock::enter(tags("b"));
        let _in_inner = notes.on_drop();
        yield_now().__context_suspend(&mut inner).__context_suspend(&mut outer).await;
        panic_silently();
    });
    within("x", || {
        assert!(poll(&mut future).is_pending());
        assert!(panics(|| poll(&mut future)));
        assert_eq!(seen(), "x");
    });
    assert_eq!(notes.all(), ["a, b, x", "a, x"]);
    assert!(nothing_is_ambient());
}

#[test]
fn a_panic_in_what_a_block_awaits_leaves_the_block() {
    let notes = Notes::default();
    let mut future = Box::pin(async {
        let mut scope = TagsBlock::enter(tags("a"));
        let _in_block = notes.on_drop();
        let awaited = async {
            let _in_awaited = notes.on_drop();
            yield_now().await;
            panic_silently();
        };
        awaited.__context_suspend(&mut scope).await;
    });
    assert!(poll(&mut future).is_pending());
    assert!(panics(|| poll(&mut future)));
    assert!(nothing_is_ambient());
    drop(future);
    assert!(nothing_is_ambient());
    assert_eq!(notes.all(), ["a", "a"]);
}

#[test]
fn a_panic_in_a_destructor_of_a_suspended_block_restores_the_dropper() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_silently();
        }
    }

    let notes = Notes::default();
    let mut future = Box::pin(async {
        let mut scope = TagsBlock::enter(tags("a"));
        let _in_block = notes.on_drop();
        let awaited = async {
            let _bomb = Bomb;
            let _in_awaited = notes.on_drop();
            std::future::pending::<()>().await;
        };
        awaited.__context_suspend(&mut scope).await;
    });
    assert!(poll(&mut future).is_pending());
    within("x", || {
        assert!(panics(|| drop(future)));
        assert_eq!(seen(), "x");
    });
    assert_eq!(notes.all(), ["a", "a"]);
    assert!(nothing_is_ambient());
}

#[tokio::test]
async fn a_panic_that_a_block_catches_does_not_leave_it() {
    let mut scope = TagsBlock::enter(tags("a"));
    let caught = AssertUnwindSafe(async {
        block("b", "a", 2).await;
        let _deeper = TagsBlock::enter(tags("c"));
        panic_silently()
    })
    .catch_unwind();
    let caught: Result<(), _> = caught.__context_suspend(&mut scope).await;
    assert!(caught.is_err());
    assert_eq!(seen(), "a");
    yield_now().__context_suspend(&mut scope).await;
    assert_eq!(seen(), "a");
    drop(scope);
    assert!(nothing_is_ambient());
}

#[tokio::test]
async fn a_block_is_left_by_return_break_and_question_mark() {
    async fn leaves(how: u8) -> Result<&'static str, std::fmt::Error> {
        let value = 'left: {
            let mut scope = TagsBlock::enter(tags("a"));
            yield_now().__context_suspend(&mut scope).await;
            match how {
                0 => return Ok("return"),
                1 => break 'left "break",
                2 => Err(std::fmt::Error)?,
                _ => {}
            }
            yield_now().__context_suspend(&mut scope).await;
            assert_eq!(seen(), "a");
            "value"
        };
        assert!(nothing_is_ambient());
        Ok(value)
    }

    let outcomes = [Some("return"), Some("break"), None, Some("value")];
    for (how, outcome) in (0..).zip(outcomes) {
        assert_eq!(leaves(how).await.ok(), outcome);
        assert!(nothing_is_ambient());
    }
}

#[tokio::test]
async fn a_block_in_a_loop_is_entered_anew_each_time() {
    for _ in 0..3 {
        for letter in ["a", "b"] {
            let mut scope = TagsBlock::enter(tags(letter));
            assert_eq!(seen(), letter);
            block("c", letter, 2).__context_suspend(&mut scope).await;
            assert_eq!(seen(), letter);
        }
        assert!(nothing_is_ambient());
    }
}

#[tokio::test]
async fn what_is_made_in_a_block_is_tied_to_it_only_if_it_is_carried() {
    let (carried, plain) = {
        let mut scope = TagsBlock::enter(tags("a"));
        yield_now().__context_suspend(&mut scope).await;
        (async { seen() }.in_current_context(), async { seen() })
    };
    assert_eq!((carried.await, plain.await), ("a".to_owned(), String::new()));
}

#[test]
fn futures_that_can_be_made_into_futures_are_awaited_too() {
    struct Later;
    impl IntoFuture for Later {
        type Output = String;
        type IntoFuture = BoxFuture<'static, String>;
        fn into_future(self) -> BoxFuture<'static, String> {
            Box::pin(async {
                yield_now().await;
                seen()
            })
        }
    }

    let mut future = Box::pin(async {
        let mut scope = TagsBlock::enter(tags("a"));
        Later.__context_suspend(&mut scope).await
    });
    assert!(poll(&mut future).is_pending());
    assert_eq!(poll(&mut future), std::task::Poll::Ready("a".to_owned()));
}

#[test]
fn a_suspended_block_may_be_dropped_between_two_blocks_of_others() {
    // Blocks that are suspended and dropped in no particular order.
    let mut futures: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    for letter in ["a", "b", "c", "d", "e"] {
        futures.push(Box::pin(block(letter, "", 9)));
    }
    for future in &mut futures {
        assert!(poll(future).is_pending());
    }
    for index in [2, 0, 2, 1, 0] {
        drop(futures.remove(index));
        for future in &mut futures {
            assert!(poll(future).is_pending());
            assert!(nothing_is_ambient());
        }
    }
}
