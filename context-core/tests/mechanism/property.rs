//! Random programs of scopes, awaits, spawns, drops and panics, against a lexical model.
//!
//! A program is a tree of operations. The interpreter executes it with the real scopes and hands down, beside them, the
//! *view*: what the code at this place of the tree must see. It compares the two before and after every operation and
//! in the destructor of every body, whichever way the body ends. In the end no thread may have anything ambient left.
//!
//! The same programs run on a runtime with four workers and on an executor that polls tasks at random, on two threads,
//! under foreign contexts.

#[path = "property/executor.rs"]
mod executor;
#[path = "property/interpreter.rs"]
mod interpreter;
#[path = "property/program.rs"]
mod program;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{bare_spawn, nothing_is_ambient};
use executor::Executor;
use interpreter::{Interpreter, Log, Spawner};
use program::{Body, View};

/// Every case is printed in full when it fails, so nothing is written to files.
fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() }
}

/// What a program did wrong. Otherwise its checks count.
fn judge(log: &Log, checks: &AtomicUsize) -> Result<(), TestCaseError> {
    checks.fetch_add(log.checks(), Ordering::Relaxed);
    let faults = log.faults();
    if faults.is_empty() { Ok(()) } else { Err(TestCaseError::fail(faults.join("\n"))) }
}

/// A property that hardly checks anything proves nothing.
fn assert_many(checks: &AtomicUsize) {
    let checks = checks.load(Ordering::Relaxed);
    assert!(checks > 10_000, "only {checks} checks: the programs are too small");
}

#[test]
fn random_programs_see_their_lexical_context_on_four_workers() {
    const WORKERS: usize = 4;

    let leaks = Arc::new(AtomicUsize::new(0));
    let seen_by_idle_workers = leaks.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .on_thread_park(move || {
            if !nothing_is_ambient() {
                seen_by_idle_workers.fetch_add(1, Ordering::Relaxed);
            }
        })
        .build()
        .unwrap();
    let checks = AtomicUsize::new(0);
    TestRunner::new(config(256))
        .run(&program::programs(), |program: Body| {
            let log = Arc::new(Log::default());
            let (alive, mut ended) = tokio::sync::mpsc::channel(1);
            let spawner = Spawner::Runtime(runtime.handle().clone(), alive);
            let interpreter = Interpreter::new(log.clone(), spawner);
            runtime.block_on(async move {
                let root = bare_spawn(interpreter.run(program, View::NOTHING));
                drop(interpreter);
                root.await.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
                // Detached tasks hold senders too; nothing is ever sent.
                assert!(ended.recv().await.is_none());
                // Each of these tasks waits for all the others, so every worker gets one.
                let barrier = Arc::new(Barrier::new(WORKERS));
                let workers: Vec<_> = (0..WORKERS)
                    .map(|_| {
                        let barrier = barrier.clone();
                        bare_spawn(async move {
                            barrier.wait();
                            nothing_is_ambient()
                        })
                    })
                    .collect();
                for worker in workers {
                    prop_assert!(worker.await.unwrap(), "a worker thread has something left");
                }
                Ok(())
            })?;
            prop_assert!(nothing_is_ambient(), "the blocking thread has something left");
            prop_assert_eq!(leaks.load(Ordering::Relaxed), 0, "an idle worker had something left");
            judge(&log, &checks)
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert_many(&checks);
}

#[test]
fn random_programs_see_their_lexical_context_when_polled_at_random() {
    let checks = AtomicUsize::new(0);
    TestRunner::new(config(256))
        .run(&(program::programs(), any::<u64>()), |(program, seed)| {
            let log = Arc::new(Log::default());
            let executor = Arc::new(Executor::new(seed));
            let interpreter = Interpreter::new(log.clone(), Spawner::Random(executor.clone()));
            let root = interpreter.run(program, View::NOTHING);
            drop(executor.spawn(Box::pin(context_core::context::Context::empty().scope(root))));
            executor.run_until_idle(|expected, found| {
                log.fault("who polled a task", expected, found);
            });
            prop_assert!(nothing_is_ambient(), "the executor's thread has something left");
            judge(&log, &checks)
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert_many(&checks);
}
