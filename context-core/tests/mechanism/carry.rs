//! What carries a context on, and what does not.

use std::sync::mpsc;

use context_core::clock::Timestamp;
use context_core::context::{
    AssetContext, Context, ContextModel, DeploymentContext, InCurrentContext, SettingsContext,
    TagsContext, spawn, spawn_blocking, thread,
};
use context_core::definition::{Meta, TaskDefinition, TaskOptions};
use context_core::id::TaskRunId;
use context_core::record::TaskInputs;
use context_core::settings::Settings;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::support::{
    Notes, bare_spawn, deployment, nothing_is_ambient, runtime, seen, tags, within, yield_now,
};

/// Every kind that is carried on and can be made without an engine, as text.
fn everything() -> String {
    format!(
        "{} / {} / {:?} / {:?}",
        seen(),
        SettingsContext::get().profile().name(),
        DeploymentContext::get().map(|deployment| deployment.id().as_u128()),
        AssetContext::get().as_ref().map(|assets| assets.downstream_assets()[0].key()),
    )
}

/// Runs `f` inside one context of each of those kinds.
fn inside_everything<R>(f: impl FnOnce() -> R) -> R {
    let settings = Settings::from_source(|_| None).0.with_profile("mine");
    let run = TaskRunId::generate(Timestamp::now());
    let assets = AssetContext::from_task_and_inputs(&MAKES_ROWS, run, &TaskInputs::new());
    SettingsContext::new(settings)
        .in_scope(|| assets.in_scope(|| deployment(7).in_scope(|| within("ab", f))))
}

const EVERYTHING: &str = "a, b / mine / Some(7) / Some(\"s3://lake/rows\")";

static MAKES_ROWS: TaskDefinition = TaskDefinition::new(
    Meta {
        name: "make_rows",
        module: module_path!(),
        file: file!(),
        line: line!(),
        source_hash: "00000000",
        doc: "",
        parameters: &[],
        is_async: false,
    },
    || TaskOptions::new().assets(["s3://lake/rows"]),
);

#[test]
fn every_way_that_carries_carries_everything() {
    let runtime = runtime();
    let _entered = runtime.enter();
    inside_everything(|| {
        assert_eq!(everything(), EVERYTHING);
        let context = Context::current();
        let reads = async || {
            yield_now().await;
            everything()
        };

        let spawned = spawn(reads());
        let blocking = spawn_blocking(everything);
        let thread = thread::spawn(everything);
        let tied = bare_spawn(reads().in_current_context());
        let scoped = bare_spawn(context.clone().scope(reads()));
        let wrapped = std::thread::spawn({
            let wrapped = context.clone().wrap(|()| everything());
            move || (wrapped(()), wrapped(()))
        });
        let wrapped_once = std::thread::spawn(context.wrap_once(everything));

        assert_eq!(thread.join().unwrap(), EVERYTHING);
        assert_eq!(wrapped.join().unwrap(), (EVERYTHING.to_owned(), EVERYTHING.to_owned()));
        assert_eq!(wrapped_once.join().unwrap(), EVERYTHING);
        for task in [spawned, blocking, tied, scoped] {
            assert_eq!(Context::empty().run(|| runtime.block_on(task)).unwrap(), EVERYTHING);
        }
        assert_eq!(everything(), EVERYTHING);
    });
}

#[test]
fn bare_spawns_carry_nothing() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let alone = std::thread::spawn(everything).join().unwrap();
    inside_everything(|| {
        assert!(std::thread::spawn(nothing_is_ambient).join().unwrap());
        assert_eq!(std::thread::spawn(everything).join().unwrap(), alone);
        assert!(runtime.block_on(bare_spawn(async { nothing_is_ambient() })).unwrap());
        #[expect(clippy::disallowed_methods, reason = "the test is about its losing the context")]
        let blocking = tokio::task::spawn_blocking(nothing_is_ambient);
        assert!(runtime.block_on(blocking).unwrap());
    });
}

#[test]
fn spawned_code_may_itself_spawn() {
    let runtime = runtime();
    let generations = runtime.block_on(tags("a").scope(async {
        spawn(tags("b").scope(async {
            let blocking = spawn_blocking(|| within("c", || thread::spawn(seen).join().unwrap()));
            (seen(), blocking.await.unwrap())
        }))
        .await
        .unwrap()
    }));
    assert_eq!(generations, ("a, b".to_owned(), "a, b, c".to_owned()));
}

#[test]
fn spawned_code_outlives_the_scope_it_came_from() {
    let (go, wait) = mpsc::channel::<()>();
    let thread = within("a", || {
        thread::spawn(move || {
            wait.recv().unwrap();
            seen()
        })
    });
    assert!(nothing_is_ambient());
    go.send(()).unwrap();
    assert_eq!(thread.join().unwrap(), "a");
}

#[test]
fn spawned_code_does_not_see_scopes_entered_later() {
    let runtime = runtime();
    let seen_inside = runtime.block_on(tags("a").scope(async {
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let task = spawn(async {
            wait.await.unwrap();
            seen()
        });
        tags("b")
            .scope(async {
                go.send(()).unwrap();
                task.await.unwrap()
            })
            .await
    }));
    assert_eq!(seen_inside, "a");
}

#[test]
fn an_aborted_task_is_destroyed_in_its_own_context() {
    let runtime = runtime();
    let notes = Notes::default();
    for polls in 0..4 {
        let note = notes.on_drop();
        runtime.block_on(async {
            let task = within("a", || {
                spawn(async move {
                    let _note = note;
                    std::future::pending::<()>().await;
                })
            });
            for _ in 0..polls {
                tokio::task::yield_now().await;
            }
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
    }
    assert_eq!(notes.all(), ["a"; 4]);
}

#[test]
fn tasks_that_a_runtime_drops_at_its_end_are_destroyed_in_their_own_context() {
    let notes = Notes::default();
    let runtime = runtime();
    for letter in ["a", "b"] {
        let note = notes.on_drop();
        let _entered = runtime.enter();
        drop(within(letter, || {
            spawn(async move {
                let _note = note;
                std::future::pending::<()>().await;
            })
        }));
    }
    within("host", || drop(runtime));
    let mut all = notes.all();
    all.sort();
    assert_eq!(all, ["a", "b"]);
}

#[test]
fn a_wrapped_closure_sees_its_context_on_every_rayon_thread() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let wrong: usize = pool.install(|| {
        within("x", || {
            let look = within("a", Context::current).wrap(|_: u32| usize::from(seen() != "a, x"));
            let wrong = (0..2_000_u32).into_par_iter().map(look).sum();
            assert_eq!(seen(), "x");
            wrong
        })
    });
    assert_eq!(wrong, 0);
    assert!(pool.broadcast(|_| nothing_is_ambient()).into_iter().all(|clean| clean));
}

#[test]
fn a_job_that_rayon_runs_on_top_of_a_waiting_one_sees_only_its_own_context() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (tell, told) = mpsc::channel();
    pool.install(|| {
        let (with_context, without) = (tell.clone(), tell);
        rayon::spawn(
            within("a", Context::current)
                .wrap_once(move || with_context.send(("carried", seen())).unwrap()),
        );
        rayon::spawn(Context::empty().wrap_once(move || without.send(("empty", seen())).unwrap()));
        within("victim", || {
            // The only thread of the pool runs both jobs here and now.
            while rayon::yield_now() == Some(rayon::Yield::Executed) {}
            assert_eq!(seen(), "c, i, m, t, v");
        });
        assert!(nothing_is_ambient());
    });
    let mut all: Vec<_> = told.iter().collect();
    all.sort();
    assert_eq!(all, [("carried", "a".to_owned()), ("empty", String::new())]);
}

#[test]
fn tasks_of_a_runtime_driven_from_inside_a_scope_see_their_own_context() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    within("host", || {
        runtime.block_on(async {
            let own = within("o", || {
                spawn(async {
                    yield_now().await;
                    seen()
                })
            });
            let other = TagsContext::new(["z"]).in_scope(|| async { seen() }.in_current_context());
            let other = bare_spawn(Context::empty().scope(other));
            let none = bare_spawn(Context::empty().scope(async {
                yield_now().await;
                nothing_is_ambient()
            }));
            assert_eq!(own.await.unwrap(), "h, o, s, t");
            assert_eq!(other.await.unwrap(), "h, o, s, t, z");
            assert!(none.await.unwrap());
        });
        assert_eq!(seen(), "h, o, s, t");
    });
    assert!(nothing_is_ambient());
}
