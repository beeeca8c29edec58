//! What several of these tests need: notes, ears for warnings, and the files of a directory.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use context::Settings;
use context::logging::Console;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

/// What the code under test has noted, in order.
#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl Notes {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    /// All notes, separated by commas. They are forgotten.
    pub(crate) fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(", ")
    }
}

/// Hears the warnings of this thread while it lives.
pub(crate) struct Ears {
    page: Page,
    _guard: DefaultGuard,
}

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

/// Something to write to, and what reads it.
pub(crate) fn page() -> (impl Fn() -> String, impl Write + Send + 'static) {
    let page = Page::default();
    let read = page.clone();
    (move || String::from_utf8(read.0.lock().unwrap().clone()).unwrap(), page)
}

impl Ears {
    pub(crate) fn new() -> Self {
        let page = Page::default();
        let console = Console::new(&Settings::default()).with_writer(page.clone());
        let subscriber = tracing_subscriber::registry().with(console.layer());
        let guard = tracing::subscriber::set_default(subscriber);
        Self { page, _guard: guard }
    }

    /// The warnings so far, without time and place.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let text = String::from_utf8(self.page.0.lock().unwrap().clone()).unwrap();
        let heard =
            text.lines().filter(|line| line.contains("WARNING |") || line.contains("ERROR   |"));
        heard.map(|line| line.split_once(" - ").unwrap().1.to_owned()).collect()
    }

    /// True if one of the warnings contains all of `parts`.
    pub(crate) fn heard(&self, parts: &[&str]) -> bool {
        self.warnings().iter().any(|warning| parts.iter().all(|part| warning.contains(part)))
    }
}

/// The files below `directory`, in order; none if it is not there.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Calls `$rules!` for plain functions and for async ones: the same programs under both drivers.
macro_rules! in_both_drivers {
    ($rules:ident) => {
        $rules!(sync_functions, [test], run_blocking, [], []);
        $rules!(async_functions, [tokio::test], run, [async], [.await]);
    };
}
pub(crate) use in_both_drivers;

/// Runs `future` on a runtime of one thread, also inside another one.
pub(crate) fn on_a_runtime<F: Future<Output: Send> + Send>(future: F) -> F::Output {
    on(tokio::runtime::Builder::new_current_thread(), future)
}

/// Runs `future` on a runtime of four threads, also inside another one.
pub(crate) fn on_threads<F: Future<Output: Send> + Send>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(4);
    on(builder, future)
}

fn on<F: Future<Output: Send> + Send>(
    mut runtime: tokio::runtime::Builder,
    future: F,
) -> F::Output {
    let runtime = runtime.enable_all().build().unwrap();
    std::thread::scope(|scope| scope.spawn(move || runtime.block_on(future)).join().unwrap())
}
