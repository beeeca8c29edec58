//! What flows and tasks promise, as users write them.
//!
//! Each test runs a small program against the recorder in memory and looks at the transcript of its states, or at what
//! the program itself has seen. Where sync and async functions promise the same, both are there.

#![expect(clippy::unwrap_used, clippy::unused_async, reason = "small programs under test")]

mod assets;
mod bookkeeping;
mod caching;
mod cancellation;
mod current_run;
mod defaults;
mod forms;
mod futures;
mod hooks;
mod limits;
mod logging;
mod mapping;
mod names;
mod pausing;
mod pitfalls;
mod registry;
mod reported_as_one;
mod results;
mod retries;
mod returned;
mod runners;
mod settings;
mod states;
mod subflows;
mod submit;
mod support;
mod tags;
mod telling;
mod testing;
mod timeouts;
mod transactions;

use std::future::Future;
use std::sync::Arc;

use context::{AsyncClientContext, Client, ContextModel, MemoryRecorder, SyncClientContext};

/// Awaits what `call` gives against a recorder of its own. A call captures what surrounds it, so it is made inside.
async fn recorded<F: Future>(call: impl FnOnce() -> F) -> (F::Output, Arc<MemoryRecorder>) {
    let (client, recorder) = Client::in_memory();
    let output = AsyncClientContext::new(client).scope(async { call().await }).await;
    (output, recorder)
}

/// Runs `f` against a recorder of its own.
fn recorded_sync<R>(f: impl FnOnce() -> R) -> (R, Arc<MemoryRecorder>) {
    let (client, recorder) = Client::in_memory();
    let output = SyncClientContext::new(client).in_scope(f);
    (output, recorder)
}

/// What user code panicked with, silently.
fn panic_text(payload: Box<dyn std::any::Any + Send>) -> String {
    match payload.downcast::<&'static str>() {
        Ok(text) => (*text).to_owned(),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => payload.downcast::<context::RunError>().unwrap().to_string(),
        },
    }
}
