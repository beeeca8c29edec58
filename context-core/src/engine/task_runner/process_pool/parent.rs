//! The children of this process, and the attempts that they make.

use std::future::Future;
use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tracing::level_filters::LevelFilter;

use super::message::{Job, Outcome, Told, encoded, receive};
use super::{Program, child, log};
use crate::context::{Context, Frame};
use crate::record::Client;
use crate::registry;
use crate::runner::{RemoteAttempts, RemoteFailure, RemoteRun, RemoteValue, Runner};
use crate::stack;

/// Messages up to this length are written where they are made: a child that is idle reads, and its socket has room.
const SHORT: usize = 64 * 1024;
/// How long a child that has said its last word may take to end.
const LAST_MOMENT: Duration = Duration::from_secs(1);

type Attempted = Result<RemoteValue, RemoteFailure>;

/// The children of a task runner.
pub(super) struct Pool {
    program: Program,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    idle: Vec<Arc<Worker>>,
    /// True once no child is kept.
    ended: bool,
}

impl Pool {
    pub(super) fn new(program: Program) -> Arc<Self> {
        Arc::new(Self { program, shared: Mutex::default() })
    }

    /// Ends the children that are idle, and the others once they are.
    pub(super) fn shut_down(&self) {
        let idle = {
            let mut shared = lock(&self.shared);
            shared.ended = true;
            std::mem::take(&mut shared.idle)
        };
        idle.iter().for_each(|worker| worker.dismiss());
    }

    fn keep(&self, worker: Arc<Worker>) {
        let mut shared = lock(&self.shared);
        if shared.ended {
            drop(shared);
            worker.dismiss();
        } else {
            shared.idle.push(worker);
        }
    }

    fn take_idle(&self) -> Option<Arc<Worker>> {
        lock(&self.shared).idle.pop()
    }

    /// Has a child make the attempt.
    async fn make(self: Arc<Self>, run: RemoteRun, told: ToldTo) -> Attempted {
        let message = job(&run, &told.client).and_then(|job| encoded(&job));
        let message = message.map_err(|error| refused(format!("it cannot be sent: {error}")))?;
        let message = Arc::new(message);
        loop {
            let (busy, is_new) = match self.take_idle() {
                Some(worker) => (Busy::of(worker), false),
                None => (self.start().await?, true),
            };
            let worker = busy.worker.clone();
            let (reply, replied) = oneshot::channel();
            match worker.clone().begin(message.clone(), Current { reply, told: told.clone() }).await
            {
                Ok(()) => {}
                // It has ended while it had nothing to do: another one takes its place.
                Err(_) if !is_new => continue,
                Err(error) => {
                    let message = worker.fate(&format!("is gone ({error})"));
                    return Err(RemoteFailure::Lost { message });
                }
            }
            let attempted = replied.await;
            return match attempted {
                Ok(attempted) => {
                    if !matches!(attempted, Err(RemoteFailure::Lost { .. })) {
                        busy.return_to(&self);
                    }
                    attempted
                }
                Err(_) => Err(RemoteFailure::Lost { message: worker.fate("is gone") }),
            };
        }
    }

    /// Starts a child. If nobody waits for it any more when it has started, it ends.
    async fn start(&self) -> Result<Busy, RemoteFailure> {
        let is_this = self.program == Program::default();
        if (is_this && !child::is_known_to_come_first()) || child::is_unaware() {
            let reason = "this program does not look whether it is to be a child process: begin it with \
                 `#[context::main]`, or call `context::init()` first in `main`";
            return Err(refused(reason.to_owned()));
        }
        let program = self.program.clone();
        let start = move || Worker::start(&program).map(Busy::of);
        match Runner::of_async_caller().spawn_blocking(start).await {
            Ok(Ok(busy)) => Ok(busy),
            Ok(Err(error)) => Err(refused(format!("no process can be started: {error}"))),
            Err(_) => Err(refused("the runtime ends".to_owned())),
        }
    }
}

const fn refused(message: String) -> RemoteFailure {
    RemoteFailure::Refused { message }
}

fn job<'a>(run: &'a RemoteRun, client: &Client) -> io::Result<Job<'a>> {
    let interest = client.interest();
    Ok(Job {
        task_run_id: run.task_run_id,
        task_key: run.task_key.as_str().into(),
        module: run.module.into(),
        parameters: RawValue::from_string(run.parameters.clone())?,
        context: RawValue::from_string(run.context.clone())?,
        every_state: interest.every_state,
        wants_parameters: interest.parameters,
    })
}

impl RemoteAttempts for Pool {
    fn attempt(self: Arc<Self>, run: RemoteRun) -> Pin<Box<dyn Future<Output = Attempted> + Send>> {
        let client = Frame::with_client(stack::current::<Frame>().as_ref(), Clone::clone);
        let told = ToldTo { context: Context::current(), client };
        Box::pin(self.make(run, told))
    }
}

/// A child that makes an attempt. If it is given up, so is the child.
struct Busy {
    worker: Arc<Worker>,
    returns: bool,
}

impl Busy {
    const fn of(worker: Arc<Worker>) -> Self {
        Self { worker, returns: false }
    }

    fn return_to(mut self, pool: &Pool) {
        self.returns = true;
        pool.keep(self.worker.clone());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if !self.returns {
            // What it says from now on is of a run that has ended, or has begun anew.
            drop(lock(&self.worker.current).take());
            self.worker.kill();
        }
    }
}

/// Who is told what happens in an attempt.
#[derive(Clone)]
struct ToldTo {
    context: Context,
    client: Client,
}

/// The attempt that a child makes.
struct Current {
    reply: oneshot::Sender<Attempted>,
    told: ToldTo,
}

/// A child, from here.
struct Worker {
    process: Mutex<Child>,
    id: u32,
    stream: UnixStream,
    current: Mutex<Option<Current>>,
    /// What became of it.
    fate: Mutex<Option<String>>,
}

impl Worker {
    fn start(program: &Program) -> io::Result<Arc<Self>> {
        let path = match &program.path {
            Some(path) => path.clone(),
            None => std::env::current_exe()?,
        };
        // Neither end is inherited by other processes, so the child sees the end when we are gone.
        let (ours, theirs) = UnixStream::pair()?;
        let mut incoming = ours.try_clone()?;
        let process = Command::new(path)
            .args(&program.arguments)
            .env(child::VARIABLE, LevelFilter::current().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            // Signals of the terminal are for us, and we end it.
            .process_group(0)
            .spawn()?;
        let worker = Arc::new(Self {
            id: process.id(),
            process: Mutex::new(process),
            stream: ours,
            current: Mutex::default(),
            fate: Mutex::default(),
        });
        let listening = worker.clone();
        let listens = thread::Builder::new()
            .name("context-process".to_owned())
            .spawn(move || listening.listen(&mut incoming));
        match listens {
            Ok(_) => Ok(worker),
            Err(error) => {
                worker.kill();
                lock(&worker.process).wait()?;
                Err(error)
            }
        }
    }

    /// Sends what is to be done.
    async fn begin(self: Arc<Self>, message: Arc<Vec<u8>>, current: Current) -> io::Result<()> {
        *lock(&self.current) = Some(current);
        let write = {
            let worker = self.clone();
            let message = message.clone();
            move || (&worker.stream).write_all(&message)
        };
        let written = if message.len() <= SHORT {
            write()
        } else {
            match Runner::of_async_caller().spawn_blocking(write).await {
                Ok(written) => written,
                Err(_) => Err(io::ErrorKind::Interrupted.into()),
            }
        };
        let mut current = lock(&self.current);
        let gone = lock(&self.fate).is_some();
        // Unless somebody was told in the meantime that it is lost.
        if (written.is_err() || gone) && current.take().is_some() {
            return Err(written.err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()));
        }
        Ok(())
    }

    /// Takes what the child says, until its end.
    fn listen(&self, incoming: &mut UnixStream) {
        let broken = loop {
            match receive::<Told>(incoming) {
                // Recorders and subscribers may be anybody's. A panic of theirs must not end this: the run would never end.
                Ok(Some(told)) => drop(catch_unwind(AssertUnwindSafe(|| self.hear(told)))),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let fate = match (broken, self.reap()) {
            (Some(error), _) if error.kind() == io::ErrorKind::InvalidData => {
                format!("has said what nobody understands ({error})")
            }
            (_, Some(status)) => ended_with(status),
            (_, None) => "is gone".to_owned(),
        };
        let current = {
            let mut current = lock(&self.current);
            *lock(&self.fate) = Some(fate);
            current.take()
        };
        if let Some(current) = current {
            let lost = RemoteFailure::Lost { message: self.fate("") };
            current.reply.send(Err(lost)).ok();
        }
    }

    fn hear(&self, told: Told) {
        let to = || lock(&self.current).as_ref().map(|current| current.told.clone());
        match told {
            Told::Log(record) => {
                if let Some(to) = to() {
                    to.context.run(|| log::tell(&record));
                }
            }
            Told::Event(event) => {
                if let Some(to) = to() {
                    to.context.run(|| event.tell(parameters_of, |event| to.client.record(event)));
                }
            }
            Told::Done(outcome) => {
                let current = lock(&self.current).take();
                if let Some(current) = current {
                    // Nobody waits for it if it was given up.
                    current.reply.send(attempted(outcome)).ok();
                }
            }
        }
    }

    /// What became of it, for people.
    fn fate(&self, unknown: &str) -> String {
        let fate = lock(&self.fate);
        let fate = fate.as_deref().unwrap_or(unknown);
        format!("The process that the run was in (process id {}) {fate}", self.id)
    }

    /// Has it end, as it has nothing to do.
    fn dismiss(&self) {
        // If it is gone, that is as well.
        self.stream.shutdown(Shutdown::Both).ok();
    }

    fn kill(&self) {
        // If it is gone, that is as well.
        lock(&self.process).kill().ok();
    }

    /// Waits for its end, which is near.
    fn reap(&self) -> Option<ExitStatus> {
        let step = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        while waited < LAST_MOMENT {
            match lock(&self.process).try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) => {}
                Err(_) => return None,
            }
            thread::sleep(step);
            waited += step;
        }
        self.kill();
        lock(&self.process).wait().ok()
    }
}

/// Those of a task of this program.
fn parameters_of(task_key: &str) -> &'static [&'static str] {
    registry::task(task_key).map_or(&[], |task| task.meta().parameters)
}

fn ended_with(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "was killed (SIGKILL)".to_owned(),
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, Some(code)) => format!("has ended by itself, with exit code {code}"),
        (None, None) => "has ended".to_owned(),
    }
}

fn attempted(outcome: Outcome) -> Attempted {
    match outcome {
        Outcome::Value { value, asset_metadata } => {
            Ok(RemoteValue { value: value.get().to_owned(), asset_metadata })
        }
        Outcome::Failed { type_name, message, causes } => {
            Err(RemoteFailure::Failed { type_name, message, causes })
        }
        Outcome::Panicked { message } => Err(RemoteFailure::Panicked { message }),
        Outcome::Refused { message } => Err(RemoteFailure::Refused { message }),
    }
}

/// A panic elsewhere never leaves these half-changed, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
