//! Task runners: who runs submitted runs, how many at once, and what becomes of the others.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread;
use std::time::Duration;

use context::prelude::*;
use context::{AbortHandle, ConcurrentTaskRunner, SubmittedRun, TaskRunner, ThreadPoolTaskRunner};
use futures::future::poll_immediate;
use tokio::task::yield_now;

use crate::{recorded, recorded_sync};

/// Counts how many runs are on their way, and how many there have been at most.
#[derive(Debug, Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[task]
async fn works(gauge: Arc<Gauge>, n: u32) -> u32 {
    gauge.enter();
    for _ in 0..10 {
        yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    gauge.leave();
    n
}

#[task]
fn works_plainly(gauge: Arc<Gauge>, n: u32) -> u32 {
    gauge.enter();
    thread::sleep(Duration::from_millis(2));
    gauge.leave();
    n
}

#[flow]
async fn all(gauge: Arc<Gauge>) -> Result<u32, RunError> {
    let async_runs = works::map(unmapped(gauge.clone()), 0..12_u32);
    let plain_runs = works_plainly::map(unmapped(gauge), 0..12_u32);
    let sum: u32 = async_runs.await?.into_iter().sum();
    Ok(sum + plain_runs.await?.into_iter().sum::<u32>())
}

#[flow]
fn all_blocking(gauge: Arc<Gauge>) -> Result<u32, RunError> {
    let async_runs = works::map(unmapped(gauge.clone()), 0..12_u32);
    let plain_runs = works_plainly::map(unmapped(gauge), 0..12_u32);
    let sum: u32 = async_runs.result_blocking()?.into_iter().sum();
    Ok(sum + plain_runs.result_blocking()?.into_iter().sum::<u32>())
}

const SUM: u32 = 132;

mod a_bound_holds {
    use super::*;

    async fn check(runner: impl TaskRunner) {
        let gauge = Arc::new(Gauge::default());
        let call = all::with_options().task_runner(runner).call(gauge.clone());
        assert_eq!(call.await.unwrap(), SUM);
        assert!((1..=3).contains(&gauge.most()), "{} at once", gauge.most());
    }

    fn check_blocking(runner: impl TaskRunner) {
        let gauge = Arc::new(Gauge::default());
        let sum = all_blocking::with_options().task_runner(runner).call(gauge.clone());
        assert_eq!(sum.unwrap(), SUM);
        assert!((1..=3).contains(&gauge.most()), "{} at once", gauge.most());
    }

    #[tokio::test]
    async fn on_one_thread() {
        check(ConcurrentTaskRunner::new().max_workers(3)).await;
        check(ThreadPoolTaskRunner::new(3)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn on_many_threads() {
        check(ConcurrentTaskRunner::new().max_workers(3)).await;
        check(ThreadPoolTaskRunner::new(3)).await;
    }

    #[test]
    fn in_a_sync_flow_without_a_runtime() {
        check_blocking(ConcurrentTaskRunner::new().max_workers(3));
        check_blocking(ThreadPoolTaskRunner::new(3));
    }

    #[tokio::test]
    async fn in_a_sync_flow_on_one_thread() {
        check_blocking(ConcurrentTaskRunner::new().max_workers(3));
        check_blocking(ThreadPoolTaskRunner::new(3));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn in_a_sync_flow_on_many_threads() {
        check_blocking(ConcurrentTaskRunner::new().max_workers(3));
        check_blocking(ThreadPoolTaskRunner::new(3));
    }

    #[test]
    fn in_an_async_flow_without_a_runtime() {
        let gauge = Arc::new(Gauge::default());
        let runner = ThreadPoolTaskRunner::new(2);
        #[flow]
        async fn only_plain(gauge: Arc<Gauge>) -> Result<Vec<u32>, RunError> {
            works_plainly::map(unmapped(gauge), 0..6_u32).await
        }
        let call = only_plain::with_options().task_runner(runner).call(gauge.clone());
        assert_eq!(block_on(call).unwrap(), [0, 1, 2, 3, 4, 5]);
        assert!(gauge.most() <= 2);
    }

    #[tokio::test]
    async fn a_runner_without_a_bound_runs_all_at_once() {
        #[task]
        async fn meets(barrier: Arc<tokio::sync::Barrier>) {
            barrier.wait().await;
        }
        #[flow]
        async fn all_meet() -> Result<usize, RunError> {
            let barrier = Arc::new(tokio::sync::Barrier::new(50));
            Ok(meets::map(vec![barrier; 50]).await?.len())
        }
        let call = all_meet::with_options().task_runner(ConcurrentTaskRunner::new()).call();
        assert_eq!(call.await.unwrap(), 50);
    }
}

/// Awaits `future` on a thread without any runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unparks(thread::Thread);

    impl Wake for Unparks {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Arc::new(Unparks(thread::current())).into();
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[tokio::test]
async fn runs_begin_in_the_order_in_which_they_were_submitted() {
    static ORDER: Mutex<Vec<u32>> = Mutex::new(Vec::new());

    #[task]
    async fn notes(n: u32) {
        ORDER.lock().unwrap().push(n);
        yield_now().await;
    }
    #[flow]
    async fn ordered() -> Result<(), RunError> {
        drop(notes::submit(0));
        let rest: Vec<u32> = (1..20).collect();
        notes::map(rest).await.map(drop)
    }
    for runner in [0, 1] {
        ORDER.lock().unwrap().clear();
        let flow = ordered::with_options();
        let flow = match runner {
            0 => flow.task_runner(ConcurrentTaskRunner::new().max_workers(1)),
            _ => flow.task_runner(ThreadPoolTaskRunner::new(1)),
        };
        flow.call().await.unwrap();
        assert_eq!(*ORDER.lock().unwrap(), (0..20).collect::<Vec<u32>>());
    }
}

mod nested_runs {
    use super::*;

    #[task]
    async fn leaf(n: u32) -> u32 {
        yield_now().await;
        n
    }

    /// Submits and awaits, down to `depth`.
    #[task]
    async fn sums(depth: u32) -> Result<u32, RunError> {
        if depth == 0 {
            return leaf::submit(1).await;
        }
        let (left, right) = (sums::submit(depth - 1), sums::submit(depth - 1));
        Ok(left.await? + right.await?)
    }

    #[task]
    fn sums_plainly(depth: u32) -> Result<u32, RunError> {
        if depth == 0 {
            return leaf::submit(1).result_blocking();
        }
        let both = sums_plainly::map([depth - 1, depth - 1]);
        Ok(both.result_blocking()?.into_iter().sum())
    }

    #[flow]
    async fn tree() -> Result<u32, RunError> {
        Ok(sums::submit(3).await? + sums_plainly::submit(3).await?)
    }

    #[flow]
    fn tree_blocking() -> Result<u32, RunError> {
        Ok(sums::submit(3).result_blocking()? + sums_plainly::submit(3).result_blocking()?)
    }

    async fn check(runner: impl TaskRunner) {
        let call = tree::with_options().task_runner(runner).call();
        let sum = tokio::time::timeout(Duration::from_secs(30), call).await;
        assert_eq!(sum.expect("no deadlock").unwrap(), 16);
    }

    #[tokio::test]
    async fn a_run_that_waits_for_another_gives_its_place_up() {
        check(ConcurrentTaskRunner::new().max_workers(1)).await;
        check(ConcurrentTaskRunner::new().max_workers(2)).await;
        check(ThreadPoolTaskRunner::new(1)).await;
        check(ThreadPoolTaskRunner::new(2)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_run_that_waits_for_another_gives_its_place_up_on_many_threads() {
        check(ConcurrentTaskRunner::new().max_workers(1)).await;
        check(ThreadPoolTaskRunner::new(1)).await;
    }

    #[test]
    fn a_run_of_a_sync_flow_that_waits_for_another_gives_its_place_up() {
        let concurrent = ConcurrentTaskRunner::new().max_workers(1);
        assert_eq!(tree_blocking::with_options().task_runner(concurrent).call().unwrap(), 16);
        let threads = ThreadPoolTaskRunner::new(1);
        assert_eq!(tree_blocking::with_options().task_runner(threads).call().unwrap(), 16);
    }

    #[tokio::test]
    async fn a_direct_call_with_a_future_as_input_gives_its_place_up_too() {
        #[task]
        async fn outer() -> Result<u32, RunError> {
            let inner = leaf::submit(20);
            Ok(leaf::with_options().call(inner).await + 1)
        }
        #[flow]
        async fn calls() -> Result<u32, RunError> {
            outer::submit().await
        }
        for workers in [1, 2] {
            let runner = ConcurrentTaskRunner::new().max_workers(workers);
            assert_eq!(calls::with_options().task_runner(runner).call().await.unwrap(), 21);
        }
    }

    #[tokio::test]
    async fn a_run_waits_for_its_inputs_without_a_place() {
        #[flow]
        async fn chain() -> Result<u32, RunError> {
            let gate = Arc::new(tokio::sync::Notify::new());
            #[task]
            async fn gated(gate: Arc<tokio::sync::Notify>) -> u32 {
                gate.notified().await;
                3
            }
            // The gated run has the one place; nothing else may need it.
            let first = gated::submit(gate.clone());
            let then = leaf::submit(first);
            let after = leaf::submit(&then);
            yield_now().await;
            gate.notify_one();
            Ok(then.await? + after.await?)
        }
        let runner = ConcurrentTaskRunner::new().max_workers(1);
        assert_eq!(chain::with_options().task_runner(runner).call().await.unwrap(), 6);
    }
}

mod a_warning {
    use std::io::Write;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn is_given_once_to_a_run_that_submits_while_all_workers_are_busy() {
        #[task]
        async fn leaf(n: u32) -> u32 {
            n
        }
        #[task]
        async fn nests() -> Result<u32, RunError> {
            let (one, two) = (leaf::submit(1), leaf::submit(2));
            Ok(one.await? + two.await?)
        }
        #[flow(name = "busy")]
        async fn submits() -> Result<u32, RunError> {
            nests::submit().await
        }
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let runner = ConcurrentTaskRunner::new().max_workers(1);
        assert_eq!(submits::with_options().task_runner(runner).call().await.unwrap(), 3);
        drop(guard);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("a task run of flow `busy` submits `leaf`").count(), 1, "{text}");
    }
}

mod cancelling {
    use super::*;

    #[task]
    async fn endless(gauge: Arc<Gauge>) {
        gauge.enter();
        std::future::pending::<()>().await;
    }

    #[flow]
    async fn stuck(gauge: Arc<Gauge>) -> Result<Vec<()>, RunError> {
        endless::map(vec![gauge; 5]).await
    }

    async fn check(runner: impl TaskRunner) {
        let ((), recorder) = recorded(|| async {
            let gauge = Arc::new(Gauge::default());
            let mut flow = stuck::with_options().task_runner(runner).call(gauge.clone());
            assert!(poll_immediate(&mut flow).await.is_none());
            while gauge.most() < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert!(poll_immediate(&mut flow).await.is_none());
            }
            drop(flow);
        })
        .await;
        let ended = || recorder.task_runs().iter().filter(|(_, state)| state.is_terminal()).count();
        while ended() < 5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let states = recorder.task_states("endless");
        assert!(
            states.iter().all(|states| states.last().unwrap().state_type() == StateType::Cancelled)
        );
        let begun = states
            .iter()
            .filter(|states| states.iter().any(|state| state.state_type() == StateType::Running));
        assert_eq!(begun.count(), 2, "queued runs end without beginning");
    }

    #[tokio::test]
    async fn a_flow_that_is_dropped_cancels_what_runs_and_what_is_queued() {
        check(ConcurrentTaskRunner::new().max_workers(2)).await;
        check(ThreadPoolTaskRunner::new(2)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flow_that_is_dropped_cancels_on_many_threads() {
        check(ConcurrentTaskRunner::new().max_workers(2)).await;
        check(ThreadPoolTaskRunner::new(2)).await;
    }

    #[tokio::test]
    async fn a_run_that_panics_leaves_its_place_and_its_thread() {
        #[task]
        async fn explodes(n: u32) -> u32 {
            if n.is_multiple_of(2) { panic!("boom") } else { n }
        }
        #[task]
        fn explodes_plainly(n: u32) -> u32 {
            if n.is_multiple_of(2) { panic!("boom") } else { n }
        }
        #[flow]
        async fn burning() -> (u32, usize) {
            let futures: Vec<_> =
                (0..6).flat_map(|n| [explodes::submit(n), explodes_plainly::submit(n)]).collect();
            let (mut sum, mut crashed) = (0, 0);
            for future in futures {
                match future.await {
                    Ok(n) => sum += n,
                    Err(error) => crashed += usize::from(error.is_crashed()),
                }
            }
            (sum, crashed)
        }
        let runner = ConcurrentTaskRunner::new().max_workers(1);
        assert_eq!(burning::with_options().task_runner(runner).call().await, (18, 6));
        let runner = ThreadPoolTaskRunner::new(1);
        assert_eq!(burning::with_options().task_runner(runner).call().await, (18, 6));
    }
}

mod threads {
    use super::*;

    #[task]
    fn where_am_i() -> (String, Option<String>) {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        (thread, get_run_context().ok().map(|run| run.tags().to_string()))
    }

    #[task]
    async fn where_am_i_async() -> (String, Option<String>) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let thread = thread::current().name().unwrap_or_default().to_owned();
        (thread, get_run_context().ok().map(|run| run.tags().to_string()))
    }

    #[flow]
    fn asks() -> Result<Vec<(String, Option<String>)>, RunError> {
        tags!("pool", {
            Ok(vec![
                where_am_i::submit().result_blocking()?,
                where_am_i_async::submit().result_blocking()?,
            ])
        })
    }

    #[test]
    fn runs_of_a_thread_pool_are_on_its_threads_with_their_context() {
        let runner = ThreadPoolTaskRunner::new(2);
        let (seen, recorder) = recorded_sync(|| asks::with_options().task_runner(runner).call());
        let expected = ("context-task".to_owned(), Some("pool".to_owned()));
        assert_eq!(seen.unwrap(), [expected.clone(), expected]);
        insta::assert_snapshot!(recorder.transcript(), @r"
        flow asks: Pending, Running, Completed
          task where_am_i [pool]: Pending, Running, Completed
          task where_am_i_async [pool]: Pending, Running, Completed
        ");
    }

    #[test]
    fn threads_end_with_the_flow_run() {
        struct AtEnd(mpsc::Sender<()>);
        impl Drop for AtEnd {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }
        thread_local! {
            static AT_END: std::cell::RefCell<Option<AtEnd>> = const { std::cell::RefCell::new(None) };
        }
        #[task]
        fn marks(sender: Arc<Mutex<mpsc::Sender<()>>>) {
            let at_end = AtEnd(sender.lock().unwrap().clone());
            AT_END.set(Some(at_end));
        }
        #[flow]
        fn uses_a_thread(sender: Arc<Mutex<mpsc::Sender<()>>>) -> Result<(), RunError> {
            marks::submit(sender).result_blocking()
        }
        let (sender, ended) = mpsc::channel();
        let sender = Arc::new(Mutex::new(sender));
        // Also while the pattern is still there.
        let runner = ThreadPoolTaskRunner::new(1);
        let flow = uses_a_thread::with_options().task_runner(runner);
        flow.call(sender).unwrap();
        ended.recv_timeout(Duration::from_secs(30)).expect("the thread ends");
    }

    #[tokio::test]
    async fn a_flow_on_one_thread_may_block_while_it_waits() {
        #[task]
        fn next(n: u32) -> u32 {
            n + 1
        }
        #[flow]
        async fn blocks() -> Result<u32, RunError> {
            let one = next::submit(0);
            next::submit(one).result_blocking()
        }
        let runner = ThreadPoolTaskRunner::new(1);
        assert_eq!(blocks::with_options().task_runner(runner).call().await.unwrap(), 2);
    }
}

mod of_ones_own {
    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Notes {
        /// What was submitted to any duplicate.
        runs: Arc<Mutex<Vec<String>>>,
        duplicates: Arc<AtomicUsize>,
        ended: Arc<AtomicUsize>,
    }

    impl TaskRunner for Notes {
        fn name(&self) -> &str {
            "notes"
        }

        fn duplicate(&self) -> Arc<dyn TaskRunner> {
            self.duplicates.fetch_add(1, Ordering::SeqCst);
            Arc::new(self.clone())
        }

        fn submit(&self, run: SubmittedRun) -> AbortHandle {
            let note =
                format!("{} of {}, blocks: {}", run.task_name(), run.flow_name(), run.blocks());
            self.runs.lock().unwrap().push(note);
            if run.blocks() {
                // On a thread of its own.
                thread::spawn(move || run.run_here());
                AbortHandle::new(|| ())
            } else {
                run.spawn()
            }
        }

        fn shutdown(&self) {
            self.ended.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[task]
    fn plain(n: u32) -> Result<u32, String> {
        if n == 13 { Err("unlucky".to_owned()) } else { Ok(n + 1) }
    }

    #[task]
    async fn awaited(n: u32) -> u32 {
        n + 1
    }

    #[flow(name = "noted", retries = 1)]
    async fn noted(fail: bool) -> Result<u32, RunError> {
        let sum = awaited::submit(plain::submit(1)).await?;
        if fail && current_run!().run_count() == 1 { plain::submit(13).await } else { Ok(sum) }
    }

    #[tokio::test]
    async fn every_attempt_has_a_runner_of_its_own() {
        let runner = Notes::default();
        let call = noted::with_options().task_runner(runner.clone()).call(true);
        assert_eq!(call.await.unwrap(), 3);
        assert_eq!(runner.duplicates.load(Ordering::SeqCst), 2);
        assert!(runner.ended.load(Ordering::SeqCst) >= 1);
        let once = ["plain of noted, blocks: true", "awaited of noted, blocks: false"];
        let runs = runner.runs.lock().unwrap().clone();
        assert_eq!(runs, [once[0], once[1], once[0], once[0], once[1]]);
    }

    #[test]
    fn runners_are_equal_if_they_are_configured_in_the_same_way() {
        assert_eq!(ThreadPoolTaskRunner::new(2), ThreadPoolTaskRunner::new(2));
        assert_ne!(ThreadPoolTaskRunner::new(2), ThreadPoolTaskRunner::new(3));
        assert_eq!(ThreadPoolTaskRunner::new(0), ThreadPoolTaskRunner::new(1));
        let bounded = ConcurrentTaskRunner::new().max_workers(4);
        assert_eq!(bounded, bounded.clone());
        assert_ne!(bounded, ConcurrentTaskRunner::default());
        assert_eq!(
            (bounded.name(), ThreadPoolTaskRunner::new(1).name()),
            ("concurrent", "threadpool")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_runs_of_four_workers() {
    #[task]
    async fn one(n: u64) -> u64 {
        yield_now().await;
        n
    }
    #[flow]
    async fn sums() -> Result<u64, RunError> {
        Ok(one::map(0..10_000_u64).await?.into_iter().sum())
    }
    let expected: u64 = (0..10_000).sum();
    let runner = ConcurrentTaskRunner::new().max_workers(4);
    assert_eq!(sums::with_options().task_runner(runner).call().await.unwrap(), expected);
    let runner = ThreadPoolTaskRunner::new(4);
    assert_eq!(sums::with_options().task_runner(runner).call().await.unwrap(), expected);
}
