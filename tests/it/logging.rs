//! What a run logs carries its name.

mod prints;
mod runs;

use std::future::Future;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use context::Settings;
use context::logging::Console;
use context::prelude::*;
use tracing_subscriber::layer::SubscriberExt as _;

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

/// The lines that are written while `f` runs, without their times.
fn lines(settings: &Settings, f: impl FnOnce()) -> String {
    let page = Page::default();
    let console = Console::new(settings).with_writer(page.clone());
    let subscriber = tracing_subscriber::registry().with(console.layer());
    tracing::subscriber::with_default(subscriber, f);
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(|line| line.split_once(" | ").map_or(line, |(_, rest)| rest));
    lines.collect::<Vec<_>>().join("\n")
}

/// Awaits what `call` gives, on this thread, where the subscriber is.
fn block_on<F: Future>(call: impl FnOnce() -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { call().await })
}

#[test]
fn lines_name_the_run_also_in_threads_that_the_context_goes_along_with() {
    #[task(task_run_name = "fetch {page}")]
    fn fetch(page: u32) {
        tracing::info!(page, "in the task");
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let thread = context::thread::spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || tracing::warn!("in its thread"));
        });
        thread.join().unwrap();
    }

    #[flow(flow_run_name = "monday")]
    fn load() {
        fetch(1);
        tracing::info!("in the flow");
        context::log_print!("printed");
    }

    let text = lines(&Settings::default(), || {
        load();
        tracing::info!("outside");
    });
    let lines = text.lines();
    // Not what the engine itself says of the runs.
    let own = lines.filter(|line| ["in the", "in its", "outside"].iter().any(|t| line.contains(t)));
    insta::assert_snapshot!(own.collect::<Vec<_>>().join("\n"), @r"
    INFO    | Task run 'fetch 1' - in the task page=1
    WARNING | Task run 'fetch 1' - in its thread
    INFO    | Flow run 'monday' - in the flow
    INFO    | it::logging - outside
    ");
}
