//! The child: a process of this program that makes attempts for another one.
//!
//! It makes one attempt after the other, in the context that came along, and waits for the runs that are submitted inside
//! before it says what came of it. When the other end of its socket is closed it ends at once, whatever it does: then the
//! process that wants to know is gone, or needs it no more.

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll};
use std::thread;

use serde_json::Map;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

use super::log::{self, Forwarder};
use super::message::{Job, Outcome, Told, encoded, receive, send};
use crate::context::{
    AssetContext, ContextModel as _, FlowRunContext, HydratedContext, SerializedContext,
    TaskRunContext, hydrated_context,
};
use crate::engine::remote::{self, ErasedAttempt, ErasedOutcome};
use crate::id::TaskRunId;
use crate::record::{Client, Interest, Recorder, RelayedEvent, RunEvent};
use crate::runner::RemoteFailure;
use crate::settings::{Settings, environment};
use crate::state::panic_message;

/// Says to a process that it is a child, and how much of its log is wanted.
pub(super) const VARIABLE: &str = "CONTEXT_CHILD_PROCESS";

/// True once the program has looked whether it is a child.
static HAS_LOOKED: AtomicBool = AtomicBool::new(false);

/// True if a process that this program is started as would find out that it is a child.
pub(super) fn is_known_to_come_first() -> bool {
    HAS_LOOKED.load(Ordering::Relaxed)
}

/// True in a process that was started as a child and has not looked: one that starts others would do so for ever.
pub(super) fn is_unaware() -> bool {
    !is_known_to_come_first() && environment(VARIABLE).is_some()
}

/// Does not return in a child: makes attempts until nobody wants any more, and ends the process.
pub(crate) fn serve_if_asked() {
    HAS_LOOKED.store(true, Ordering::Relaxed);
    let Some(level) = environment(VARIABLE) else { return };
    // A program that a child starts inherits the variable, but not the socket.
    let Some(stream) = socket() else { return };
    match serve(stream, &level) {
        Ok(()) => end(0),
        Err(error) => {
            tracing::error!("a child process cannot do its work: {error}");
            end(1);
        }
    }
}

/// Ends this process, whatever runs in it.
#[expect(clippy::exit, reason = "a child is nothing else than its work")]
fn end(code: i32) -> ! {
    process::exit(code)
}

/// The socket that is our standard input. Code of the user's finds nothing there.
fn socket() -> Option<UnixStream> {
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    stream.peer_addr().ok()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null").ok()?).ok()?;
    Some(stream)
}

/// What is told goes through here, one message at a time.
#[derive(Clone, Debug)]
struct Parent(Arc<Mutex<UnixStream>>);

impl Parent {
    fn tell(&self, told: &Told) {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // If the parent is gone, this process is about to end.
        send(&mut *stream, told).ok();
    }
}

impl Parent {
    fn tell_outcome(&self, outcome: Outcome) {
        let message = encoded(&Told::Done(outcome)).or_else(|error| {
            let message = format!("what it has given cannot be sent: {error}");
            encoded(&Told::Done(Outcome::Refused { message }))
        });
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // If the parent is gone, this process is about to end.
        message.and_then(|message| stream.write_all(&message)).ok();
    }
}

/// Tells the parent what is recorded here.
#[derive(Debug)]
struct Relay {
    parent: Parent,
    interest: Interest,
}

impl Recorder for Relay {
    fn interest(&self) -> Interest {
        self.interest
    }

    fn record(&self, event: &RunEvent<'_>) {
        self.parent.tell(&Told::Event(RelayedEvent::from(event)));
    }
}

/// The run whose attempt is made.
static PRESENT: Mutex<Option<TaskRunId>> = Mutex::new(None);

fn present() -> Option<TaskRunId> {
    *PRESENT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: UnixStream, level: &str) -> io::Result<()> {
    let mut incoming = stream.try_clone()?;
    let parent = Parent(Arc::new(Mutex::new(stream)));
    let (hand, jobs) = mpsc::channel();
    thread::Builder::new().name("context-parent".to_owned()).spawn(move || {
        while let Ok(Some(job)) = receive::<Job<'static>>(&mut incoming) {
            if hand.send(job).is_err() {
                return;
            }
        }
        // Nobody is there any more. What runs here must not go on.
        end(0);
    })?;
    let tells = parent.clone();
    let forwarder = Forwarder {
        level: log::level_from(level),
        tell: move |record| {
            let elsewhere = TaskRunContext::get().map(|run| run.id()) != present();
            let record = if elsewhere { log::in_current_context(record) } else { record };
            tells.tell(&Told::Log(record));
        },
    };
    // A program has no other subscriber before its `main` begins.
    tracing::subscriber::set_global_default(forwarder).ok();
    let mut runtime = None;
    while let Ok(job) = jobs.recv() {
        let outcome = make(&job, &parent, &mut runtime);
        parent.tell_outcome(outcome);
    }
    Ok(())
}

/// Makes the attempt.
fn make(job: &Job<'_>, parent: &Parent, runtime: &mut Option<Runtime>) -> Outcome {
    *PRESENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(job.task_run_id);
    let context = SerializedContext::from_json(job.context.get())
        .and_then(|snapshot| hydrated_context(&snapshot));
    let context = match context {
        Ok(context) => context,
        Err(error) => return Outcome::Refused { message: error.to_string() },
    };
    let interest = Interest { every_state: job.every_state, parameters: job.wants_parameters };
    let relay = Arc::new(Relay { parent: parent.clone(), interest });
    // Services and decisions of a server are had from here; what there is to tell goes through the parent.
    let settings = context.settings().cloned().unwrap_or_else(Settings::default);
    let context = context.with_client(Client::under(&settings).told_by(relay));
    let started = catch_unwind(AssertUnwindSafe(|| {
        context.in_scope(|| remote::start(&job.task_key, &job.module, job.parameters.get()))
    }));
    match started {
        Err(payload) => Outcome::Panicked { message: panic_message(&*payload) },
        Ok(Err(message)) => Outcome::Refused { message },
        Ok(Ok(ErasedAttempt::Blocking(function))) => make_blocking(&context, function),
        Ok(Ok(ErasedAttempt::Async(future))) => match async_runtime(runtime) {
            Ok(runtime) => make_async(&context, future, runtime),
            Err(error) => {
                Outcome::Refused { message: format!("no runtime can be started: {error}") }
            }
        },
    }
}

fn async_runtime(runtime: &mut Option<Runtime>) -> io::Result<&Runtime> {
    Ok(match runtime {
        Some(runtime) => runtime,
        None => runtime.insert(Builder::new_multi_thread().enable_all().build()?),
    })
}

fn make_blocking(
    context: &HydratedContext,
    function: Box<dyn FnOnce() -> ErasedOutcome + Send>,
) -> Outcome {
    context.in_scope(|| {
        let ended = catch_unwind(AssertUnwindSafe(function));
        if let Some(flow) = FlowRunContext::get() {
            flow.ledger().submissions().wait_idle(None);
        }
        outcome(ended)
    })
}

fn make_async(
    context: &HydratedContext,
    mut future: Pin<Box<dyn Future<Output = ErasedOutcome> + Send>>,
    runtime: &Runtime,
) -> Outcome {
    runtime.block_on(context.scope(async {
        let ended = poll_fn(|cx: &mut Context<'_>| {
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(polled) => polled.map(Ok),
                Err(payload) => Poll::Ready(Err(payload)),
            }
        });
        let ended = ended.await;
        if let Some(flow) = FlowRunContext::get() {
            flow.ledger().submissions().idle().await;
        }
        outcome(ended)
    }))
}

/// What to say of an attempt that has ended; called in its context.
fn outcome(ended: thread::Result<ErasedOutcome>) -> Outcome {
    let value = match ended {
        Ok(Ok(value)) => value.text,
        Ok(Err(failure)) => return told(failure),
        Err(payload) => return Outcome::Panicked { message: panic_message(&*payload) },
    };
    let metadata = AssetContext::get().map(|assets| assets.materialization_metadata());
    let asset_metadata: Map<_, _> = metadata
        .unwrap_or_default()
        .into_iter()
        .map(|(key, metadata)| (key, metadata.into()))
        .collect();
    match RawValue::from_string(value) {
        Ok(value) => Outcome::Value { value, asset_metadata },
        Err(error) => Outcome::Refused { message: format!("its value is no JSON: {error}") },
    }
}

fn told(failure: RemoteFailure) -> Outcome {
    match failure {
        RemoteFailure::Failed { type_name, message, causes } => {
            Outcome::Failed { type_name, message, causes }
        }
        RemoteFailure::Panicked { message } => Outcome::Panicked { message },
        RemoteFailure::Lost { message } | RemoteFailure::Refused { message } => {
            Outcome::Refused { message }
        }
    }
}
