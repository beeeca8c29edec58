use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use tracing::Span;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::clock::{ManualClock, Timestamp};
use crate::context::{ClockContext, ContextModel};
use crate::settings::{LoggingLevel, Settings};

/// Keeps what is written.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn console(settings: &Settings, directives: Option<&str>) -> Console {
    let variable = |name: &str| directives.filter(|_| name == "RUST_LOG").map(str::to_owned);
    Console::of(settings, variable, false)
}

/// What is written while `f` runs, at 12:34:56.789.
fn written_by(console: Console, f: impl FnOnce()) -> String {
    let page = Page::default();
    let colors = format!("{console:?}").contains("colors: true");
    let console = console.with_zone(TimeZone::UTC).with_writer(page.clone()).with_colors(colors);
    let subscriber = tracing_subscriber::registry().with(console.layer());
    let clock = ManualClock::new(Timestamp::from_nanos(45_296_789_000_000));
    ClockContext::new(clock).in_scope(|| tracing::subscriber::with_default(subscriber, f));
    let bytes = page.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn written(f: impl FnOnce()) -> String {
    written_by(console(&Settings::default(), None), f)
}

fn flow_run(name: &str) -> Span {
    tracing::info_span!(target: RUN_TARGET, "flow_run", flow_run_id = "1", flow_run_name = name, flow_name = "crawl")
}

fn task_run(name: &str) -> Span {
    tracing::info_span!(
        target: RUN_TARGET, "task_run", task_run_id = "2", task_run_name = %name, task_name = "fetch",
        flow_run_id = "1", flow_run_name = "brave-otter", flow_name = "crawl",
    )
}

fn every_level() {
    tracing::error!("e");
    tracing::warn!("w");
    tracing::info!("i");
    tracing::debug!("d");
    tracing::trace!("t");
}

#[test]
fn a_line_names_the_innermost_run() {
    let text = written(|| {
        tracing::info!("outside");
        flow_run("brave-otter").in_scope(|| {
            tracing::info!("in the flow");
            task_run("fetch-1a2").in_scope(|| {
                tracing::info_span!("of the program").in_scope(|| tracing::warn!("in the task"));
                flow_run("quiet-cat").in_scope(|| tracing::error!("in the subflow"));
            });
            tracing::info!(target: "elsewhere", "in the flow again");
        });
    });
    insta::assert_snapshot!(text, @r"
    12:34:56.789 | INFO    | context_core::logging::tests - outside
    12:34:56.789 | INFO    | Flow run 'brave-otter' - in the flow
    12:34:56.789 | WARNING | Task run 'fetch-1a2' - in the task
    12:34:56.789 | ERROR   | Flow run 'quiet-cat' - in the subflow
    12:34:56.789 | INFO    | Flow run 'brave-otter' - in the flow again
    ");
}

#[test]
fn fields_follow_the_message() {
    let text = written(|| {
        let error = std::fmt::Error;
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::info!(rows = 12, path = "a b", shown = %"a b", r#type = ?Some(1), error, "saved {}", "them");
        tracing::info!(rows = 12);
        tracing::info!("two\nlines");
    });
    insta::assert_snapshot!(text, @r#"
    12:34:56.789 | INFO    | context_core::logging::tests - saved them rows=12 path="a b" shown=a b type=Some(1) error=an error occurred when formatting an argument
    12:34:56.789 | INFO    | context_core::logging::tests - rows=12
    12:34:56.789 | INFO    | context_core::logging::tests - two
    lines
    "#);
}

#[test]
fn nobody_but_the_program_writes_escape_sequences() {
    let text = written(|| {
        flow_run("a\nb\x1b[31m").in_scope(|| tracing::info!(field = %"\x1b[2J", "\x1b]0;x\x07\r"));
    });
    insta::assert_snapshot!(text, @r"12:34:56.789 | INFO    | Flow run 'a\nb\u{1b}[31m' - \u{1b}]0;x\u{7}\r field=\u{1b}[2J");
}

#[test]
fn colours_are_for_levels_and_names() {
    let colored = Console::of(&Settings::default(), |_| None, true);
    let text = written_by(colored, || {
        tracing::warn!("outside");
        flow_run("brave-otter").in_scope(|| tracing::info!("in the flow"));
        task_run("fetch-1a2").in_scope(|| tracing::error!("in the task"));
    });
    insta::assert_snapshot!(text.replace('\x1b', "^"), @r"
    12:34:56.789 | ^[33mWARNING^[0m | context_core::logging::tests - outside
    12:34:56.789 | ^[36mINFO^[0m    | Flow run ^[35m'brave-otter'^[0m - in the flow
    12:34:56.789 | ^[31mERROR^[0m   | Task run ^[34m'fetch-1a2'^[0m - in the task
    ");
}

#[test]
fn no_color_and_what_is_not_a_terminal_forbid_colours() {
    let colors = |value: Option<&str>, is_terminal| {
        let variable = |name: &str| value.filter(|_| name == "NO_COLOR").map(str::to_owned);
        let console = Console::of(&Settings::default(), variable, is_terminal);
        format!("{console:?}").contains("colors: true")
    };
    assert!(colors(None, true) && colors(Some(""), true));
    assert!(!colors(Some("1"), true) && !colors(None, false));
}

#[test]
fn the_level_comes_from_the_settings_and_runs_are_named_at_every_level() {
    let levels = |level, directives| {
        let settings = Settings::default().with_logging_level(level);
        let text = written_by(console(&settings, directives), || {
            flow_run("x").in_scope(every_level);
        });
        assert!(text.lines().all(|line| line.contains("| Flow run 'x' - ")), "{text}");
        text.lines().filter_map(|line| line.chars().next_back()).collect::<String>()
    };
    assert_eq!(levels(LoggingLevel::Debug, None), "ewid");
    assert_eq!(levels(LoggingLevel::Info, None), "ewi");
    assert_eq!(levels(LoggingLevel::Warning, None), "ew");
    assert_eq!(levels(LoggingLevel::Error, None), "e");
    assert_eq!(levels(LoggingLevel::Critical, None), "e");
    assert_eq!(levels(LoggingLevel::Error, Some("trace")), "ewidt");
    assert_eq!(levels(LoggingLevel::Error, Some("context_core::logging=debug,x=trace")), "ewid");
    assert_eq!(levels(LoggingLevel::Warning, Some("x=trace")), "ew");
    assert_eq!(levels(LoggingLevel::Warning, Some("what is this=")), "ew");
}

#[test]
fn a_name_may_be_recorded_later() {
    let text = written(|| {
        let span = tracing::info_span!(target: RUN_TARGET, "flow_run", flow_run_name = tracing::field::Empty);
        span.in_scope(|| tracing::info!("before"));
        span.record("flow_run_name", "quiet-cat");
        span.in_scope(|| tracing::info!("after"));
    });
    insta::assert_snapshot!(text, @r"
    12:34:56.789 | INFO    | Flow run '' - before
    12:34:56.789 | INFO    | Flow run 'quiet-cat' - after
    ");
}

#[test]
fn a_value_may_log_while_it_is_shown() {
    struct Logs;
    impl std::fmt::Display for Logs {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            tracing::info!("inner");
            f.write_str("outer")
        }
    }
    let text = written(|| {
        task_run("fetch-1a2").in_scope(|| tracing::info!("{}", Logs));
        tracing::info_span!(target: RUN_TARGET, "task_run", task_run_name = %Logs)
            .in_scope(|| tracing::info!("named"));
    });
    // `tracing` itself leaves the inner one out, unless the subscriber is that of the program.
    insta::assert_snapshot!(text, @r"
    12:34:56.789 | INFO    | Task run 'fetch-1a2' - outer
    12:34:56.789 | INFO    | Task run 'outer' - named
    ");
}

#[test]
fn a_writer_that_fails_or_logs_stops_nobody() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            tracing::error!("cannot write");
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            unreachable!("nothing was written")
        }
    }
    let console = console(&Settings::default(), None).with_writer(Closed);
    let subscriber = tracing_subscriber::registry().with(console.layer());
    tracing::subscriber::with_default(subscriber, every_level);
}

#[test]
fn two_layers_may_share_a_subscriber() {
    let (first, second) = (Page::default(), Page::default());
    let console = |page: &Page, level| {
        let settings = Settings::default().with_logging_level(level);
        console(&settings, None).with_writer(page.clone())
    };
    let subscriber = tracing_subscriber::registry()
        .with(console(&first, LoggingLevel::Error).layer())
        .with(console(&second, LoggingLevel::Debug).layer());
    tracing::subscriber::with_default(subscriber, || flow_run("x").in_scope(every_level));
    let lines =
        |page: &Page| String::from_utf8(page.0.lock().unwrap().clone()).unwrap().lines().count();
    assert_eq!((lines(&first), lines(&second)), (1, 4));
}
