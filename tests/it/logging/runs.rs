//! What the engine itself logs of runs: where they begin, are retried and end.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use context::prelude::*;
use context::testing::Harness;
use context::{LoggingLevel, Settings};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{block_on, lines};

/// The lines of a program in a harness with a manual clock.
fn logged<R>(program: impl FnOnce() -> R) -> String {
    let settings = Settings::default().with_logging_level(LoggingLevel::Debug);
    lines(&settings, || {
        Harness::new().manual_clock().run_blocking(program);
    })
}

/// As `logged`, for async code.
fn logged_async<F: Future>(program: impl FnOnce() -> F) -> String {
    let settings = Settings::default().with_logging_level(LoggingLevel::Debug);
    lines(&settings, || {
        block_on(async || Harness::new().manual_clock().run(program).await);
    })
}

/// Fails until its third attempt.
#[task(task_run_name = "fetch {page}", retries = 2)]
fn fetch(page: u32) -> Result<u32, String> {
    if current_run!().run_count() < 3 { Err("busy".to_owned()) } else { Ok(page) }
}

/// Fails until its third attempt.
#[task(task_run_name = "fetch {page}", retries = 2)]
async fn fetch_async(page: u32) -> Result<u32, String> {
    if current_run!().run_count() < 3 { Err("busy".to_owned()) } else { Ok(page) }
}

#[test]
fn a_run_and_its_immediate_retries_are_told() {
    #[flow(name = "load", flow_run_name = "monday")]
    fn load() -> Result<u32, String> {
        fetch(7)
    }

    #[flow(name = "load", flow_run_name = "monday")]
    async fn load_async() -> Result<u32, String> {
        fetch_async(7).await
    }

    let text = logged(load);
    insta::assert_snapshot!(text, @r"
    INFO    | Flow run 'monday' - Beginning flow run 'monday' for flow 'load'
    DEBUG   | Task run 'fetch 7' - Running
    WARNING | Task run 'fetch 7' - Task run encountered an exception String: busy. Retry 1/2 will start immediately
    INFO    | Task run 'fetch 7' - Retry 1/2 begins
    WARNING | Task run 'fetch 7' - Task run encountered an exception String: busy. Retry 2/2 will start immediately
    INFO    | Task run 'fetch 7' - Retry 2/2 begins
    INFO    | Task run 'fetch 7' - Finished in state Completed()
    INFO    | Flow run 'monday' - Finished in state Completed()
    ");
    assert_eq!(logged_async(load_async), text);
}

#[test]
fn delays_are_told() {
    #[task(task_run_name = "late", retries = 1, retry_delay = "1h")]
    fn late() -> Result<(), String> {
        if current_run!().run_count() < 2 { Err("busy".to_owned()) } else { Ok(()) }
    }

    #[task(task_run_name = "late", retries = 1, retry_delay = "1h")]
    async fn late_async() -> Result<(), String> {
        if current_run!().run_count() < 2 { Err("busy".to_owned()) } else { Ok(()) }
    }

    #[flow(name = "again", flow_run_name = "again", retries = 1, retry_delay = "90s")]
    fn again() -> Result<(), String> {
        late()?;
        if current_run!().run_count() < 2 { Err("not yet".to_owned()) } else { Ok(()) }
    }

    #[flow(name = "again", flow_run_name = "again", retries = 1, retry_delay = "90s")]
    async fn again_async() -> Result<(), String> {
        late_async().await?;
        if current_run!().run_count() < 2 { Err("not yet".to_owned()) } else { Ok(()) }
    }

    let text = logged(again);
    insta::assert_snapshot!(text, @r"
    INFO    | Flow run 'again' - Beginning flow run 'again' for flow 'again'
    DEBUG   | Task run 'late' - Running
    WARNING | Task run 'late' - Task run encountered an exception String: busy. Retry 1/1 will start 3600s from now
    INFO    | Task run 'late' - Retry 1/1 begins
    INFO    | Task run 'late' - Finished in state Completed()
    WARNING | Flow run 'again' - Flow run encountered an exception: String: not yet. Retry 1/1 will start 90s from now
    INFO    | Flow run 'again' - Retry 1/1 begins
    DEBUG   | Task run 'late' - Running
    WARNING | Task run 'late' - Task run encountered an exception String: busy. Retry 1/1 will start 3600s from now
    INFO    | Task run 'late' - Retry 1/1 begins
    INFO    | Task run 'late' - Finished in state Completed()
    INFO    | Flow run 'again' - Finished in state Completed()
    ");
    assert_eq!(logged_async(again_async), text);
}

#[test]
fn flows_are_retried_immediately_too() {
    #[flow(name = "again", flow_run_name = "again", retries = 1)]
    fn again() -> Result<(), String> {
        if current_run!().run_count() < 2 { Err("not yet".to_owned()) } else { Ok(()) }
    }

    #[flow(name = "again", flow_run_name = "again", retries = 1)]
    async fn again_async() -> Result<(), String> {
        if current_run!().run_count() < 2 { Err("not yet".to_owned()) } else { Ok(()) }
    }

    let text = logged(again);
    insta::assert_snapshot!(text, @r"
    INFO    | Flow run 'again' - Beginning flow run 'again' for flow 'again'
    WARNING | Flow run 'again' - Flow run encountered an exception: String: not yet. Retry 1/1 will start immediately
    INFO    | Flow run 'again' - Retry 1/1 begins
    INFO    | Flow run 'again' - Finished in state Completed()
    ");
    assert_eq!(logged_async(again_async), text);
}

#[test]
fn failures_are_told_as_errors() {
    #[task(task_run_name = "breaks")]
    fn breaks() -> Result<(), String> {
        Err("no such page".to_owned())
    }

    #[task(task_run_name = "breaks")]
    async fn breaks_async() -> Result<(), String> {
        Err("no such page".to_owned())
    }

    #[task(task_run_name = "panics")]
    fn panics() {
        std::panic::resume_unwind(Box::new("boom"));
    }

    #[task(task_run_name = "panics")]
    async fn panics_async() {
        std::panic::resume_unwind(Box::new("boom"));
    }

    #[flow(name = "load", flow_run_name = "monday")]
    fn load() -> Result<(), String> {
        drop(std::panic::catch_unwind(panics));
        breaks()
    }

    #[flow(name = "load", flow_run_name = "monday")]
    async fn load_async() -> Result<(), String> {
        use futures::FutureExt as _;
        drop(std::panic::AssertUnwindSafe(panics_async()).catch_unwind().await);
        breaks_async().await
    }

    let text = logged(load);
    insta::assert_snapshot!(text, @r"
    INFO    | Flow run 'monday' - Beginning flow run 'monday' for flow 'load'
    DEBUG   | Task run 'panics' - Running
    ERROR   | Task run 'panics' - Finished in state Crashed('Execution was interrupted by a panic: boom')
    DEBUG   | Task run 'breaks' - Running
    ERROR   | Task run 'breaks' - Finished in state Failed('Task run encountered an exception String: no such page')
    ERROR   | Flow run 'monday' - Finished in state Failed('Flow run encountered an exception: String: no such page')
    ");
    assert_eq!(logged_async(load_async), text);
}

#[test]
fn runs_that_are_reported_as_one_have_a_line_together_and_one_each_for_debugging() {
    #[task(task_run_name = "parse {page}")]
    async fn parse(page: u32) -> Result<(), String> {
        tracing::info!("in the task");
        if page == 2 { Err("empty".to_owned()) } else { Ok(()) }
    }

    #[flow(name = "load", flow_run_name = "monday")]
    async fn load() {
        parse::with_options().reported_as_one().map([1, 2, 3]).wait().await;
    }

    let text = logged_async(load);
    assert_eq!(text.matches("in the task").count(), 3, "{text}");
    assert!(text.contains("1 of 3 runs failed"), "{text}");
}

#[test]
fn a_subflow_and_a_run_without_a_flow_have_names_of_their_own() {
    #[flow(name = "inner", flow_run_name = "inside")]
    fn inner() {
        tracing::info!("in the subflow");
    }

    #[flow(name = "outer", flow_run_name = "outside")]
    fn outer() {
        inner();
        tracing::info!("in the flow");
    }

    #[task(task_run_name = "alone")]
    fn alone() {}

    let text = logged(|| {
        outer();
        alone();
    });
    insta::assert_snapshot!(text, @r"
    INFO    | Flow run 'outside' - Beginning flow run 'outside' for flow 'outer'
    INFO    | Flow run 'inside' - Beginning subflow run 'inside' for flow 'inner'
    INFO    | Flow run 'inside' - in the subflow
    INFO    | Flow run 'inside' - Finished in state Completed()
    INFO    | Flow run 'outside' - in the flow
    INFO    | Flow run 'outside' - Finished in state Completed()
    DEBUG   | Task run 'alone' - Running
    INFO    | Task run 'alone' - Finished in state Completed()
    ");
}

#[test]
fn runs_are_told_also_where_nothing_is_recorded() {
    #[flow(flow_run_name = "monday")]
    async fn submits() {
        fetch_async::submit(3).await.unwrap();
    }

    let text = lines(&Settings::default(), || {
        fetch(1).unwrap();
        block_on(|| fetch_async(2)).unwrap();
        block_on(submits);
    });
    let ends = text.lines().filter(|line| line.contains("Finished"));
    insta::assert_snapshot!(ends.collect::<Vec<_>>().join("\n"), @r"
    INFO    | Task run 'fetch 1' - Finished in state Completed()
    INFO    | Task run 'fetch 2' - Finished in state Completed()
    INFO    | Task run 'fetch 3' - Finished in state Completed()
    INFO    | Flow run 'monday' - Finished in state Completed()
    ");
}

/// Counts what it is given. Wants everything at `target`, and nothing else.
struct Counting {
    target: Option<&'static str>,
    spans: Arc<AtomicUsize>,
    events: Arc<AtomicUsize>,
}

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.target == Some(metadata.target())
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        let before = self.spans.fetch_add(1, Ordering::Relaxed);
        Id::from_u64(before as u64 + 1)
    }

    fn event(&self, _: &Event<'_>) {
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// How many spans were made, and events emitted, while flows and tasks ran.
fn counted(target: Option<&'static str>) -> (usize, usize) {
    #[flow(flow_run_name = "monday", retries = 1, retry_delay = "1h")]
    fn load() -> Result<u32, String> {
        tracing::info!(target: "of the program", "hello");
        fetch(7)?;
        Err("no luck".to_owned())
    }

    #[flow(flow_run_name = "monday", retries = 1, retry_delay = "1h")]
    async fn load_async() -> Result<u32, String> {
        tracing::info!(target: "of the program", "hello");
        fetch_async(7).await?;
        Err("no luck".to_owned())
    }

    let (spans, events) = (Arc::default(), Arc::default());
    let counting = Counting { target, spans: Arc::clone(&spans), events: Arc::clone(&events) };
    tracing::subscriber::with_default(counting, || {
        Harness::new().manual_clock().run_blocking(load).output.unwrap_err();
        block_on(async || Harness::new().manual_clock().run(load_async).await).output.unwrap_err();
    });
    (spans.load(Ordering::Relaxed), events.load(Ordering::Relaxed))
}

#[test]
fn nothing_is_made_for_a_subscriber_that_wants_nothing_of_runs() {
    assert_eq!(counted(None), (0, 0));
    // Two attempts in each form.
    assert_eq!(counted(Some("of the program")), (0, 4));
}

#[test]
fn one_span_is_made_for_each_run() {
    let (spans, events) = counted(Some("context::run"));
    // In each form one flow run, and a task run in each of its attempts.
    assert_eq!(spans, 6);
    assert!(events > spans, "{events}");
}

#[test]
#[ignore = "run by `the_layer_writes_the_lines_to_the_standard_error_stream`"]
fn writes_with_the_layer() {
    use tracing_subscriber::layer::SubscriberExt as _;

    #[task(task_run_name = "fetch")]
    fn fetch() {}

    #[flow(name = "load", flow_run_name = "monday")]
    fn load() {
        fetch();
    }

    let subscriber = tracing_subscriber::registry().with(context::logging::layer());
    tracing::subscriber::with_default(subscriber, load);
}

#[test]
fn the_layer_writes_the_lines_to_the_standard_error_stream() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "logging::runs::writes_with_the_layer", "--ignored", "--nocapture"])
        .env_remove("RUST_LOG")
        .env_remove("PREFECT_LOGGING_LEVEL")
        .env("PREFECT_HOME", std::env::temp_dir().join("context-it-no-home"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    let lines = text.lines().filter_map(|line| Some(line.split_once(" | ")?.1));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    INFO    | Flow run 'monday' - Beginning flow run 'monday' for flow 'load'
    INFO    | Task run 'fetch' - Finished in state Completed()
    INFO    | Flow run 'monday' - Finished in state Completed()
    ");
}
