//! Pausing: a flow run waits until somebody has it go on, perhaps with an answer.
//!
//! [`pause_flow_run`] brings the flow run around the call into the state `Paused`, also from inside of a task, and waits.
//! What else runs goes on. Somebody resumes it: by the page of the run, where a form asks for the [input](PauseFlowRun::wait_for_input),
//! by `prefect flow-run resume`, or by [`resume_flow_run`]. Without a server in the client of the flow run, only the last
//! is there, from anywhere in the same process.
//!
//! Time that a run is paused does not count as time that it runs, but its `timeout` goes on, as in Prefect. If nobody
//! resumes it in time, the pause fails, and so does the flow run, whatever its function makes of that. A pause whose future
//! is dropped leaves the run paused; it can still be resumed, and may end as it is.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use context_core::context::FlowRunContext;
//! use context_core::pause::{PauseError, pause_flow_run, resume_flow_run};
//!
//! // In a flow:
//! async fn publish() -> Result<(), PauseError> {
//!     let page = "all is well";
//!     let editor: String = pause_flow_run()
//!         .timeout(Duration::from_secs(600))
//!         .wait_for_input::<String>()
//!         .description(format!("Who says that this is right: {page}?"))
//!         .await?;
//!     println!("published by {editor}");
//!     Ok(())
//! }
//!
//! // Elsewhere:
//! async fn approve(run: FlowRunContext) -> Result<(), context_core::pause::ResumeError> {
//!     resume_flow_run(run.id()).run_input("ann").await
//! }
//! ```

mod error;
mod input;
mod local;
mod resume;

use std::future::{Future, IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::input::Form;
use crate::context::{ContextModel as _, FlowRunContext};
use crate::record::{AskedInput, Paused, Services};
use crate::runner::{self, Cancelled};
use crate::state::{MissingContext, PauseEnd, RunInputKeyset, State};

pub use error::{PauseError, ResumeError};
pub use resume::{ResumeFlowRun, resume_flow_run};

/// How long a pause lasts at most, if nothing else is said: an hour.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3600);

/// Pauses the flow run that surrounds the call, until somebody resumes it.
pub const fn pause_flow_run() -> PauseFlowRun {
    PauseFlowRun { timeout: DEFAULT_TIMEOUT, key: None }
}

/// A pause. Made by [`pause_flow_run`].
#[derive(Clone, Debug)]
#[must_use = "nothing is paused before this is awaited, or `pause_blocking` is called"]
pub struct PauseFlowRun {
    timeout: Duration,
    key: Option<String>,
}

impl PauseFlowRun {
    /// The same, which lasts no longer than this. Then the flow run fails.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same under a key of its own. A key pauses an attempt of the flow run once: after that, the pause is skipped, and
    /// gives what it was given before. Without one, each call is a pause of its own: `1`, `2`, and so on.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same, which waits for an answer. The form that asks for it is made of the schema of `T`, which
    /// `#[derive(JsonSchema)]` of the crate `schemars` writes for a struct; a plain value such as a `String` is asked for
    /// as the field `value`.
    pub fn wait_for_input<T>(self) -> PauseForInput<T>
    where
        T: DeserializeOwned + JsonSchema,
    {
        PauseForInput { pause: self, description: None, input: PhantomData }
    }

    /// Pauses the flow run and waits. Awaiting the value itself does the same.
    ///
    /// # Errors
    ///
    /// Outside of a flow run; if the run cannot be paused, because it is paused already or about to end; if nobody resumes
    /// it in time; and if the server cannot be asked.
    pub async fn pause(self) -> Result<(), PauseError> {
        self.wait(None).await.map(drop)
    }

    /// As [`pause`](Self::pause), for plain functions. Blocks the thread while it waits.
    ///
    /// # Errors
    ///
    /// As [`pause`](Self::pause).
    pub fn pause_blocking(self) -> Result<(), PauseError> {
        blocking(self.wait(None)).map(drop)
    }

    /// Pauses, with a `form` if there is one. Gives the answer.
    async fn wait(self, form: Option<Form>) -> Result<Option<Value>, PauseError> {
        let missing = || MissingContext { context: "flow run", call: "pause_flow_run" };
        let run = FlowRunContext::get().ok_or_else(missing)?;
        let key = self.key.unwrap_or_else(|| run.course().next_key());
        let keyset = form.is_some().then(|| RunInputKeyset::of_pause(&key));
        let state = State::paused(PauseEnd::After(self.timeout)).with_details(|details| {
            details.flow_run_id = Some(run.id());
            details.pause_key = Some(key.clone());
            details.run_input_keyset = keyset;
        });
        tracing::info!(
            target: RUNS,
            "Pausing flow, execution will continue when this flow run is resumed."
        );
        let client = run.ledger().client();
        let pause = Pause { timeout: self.timeout, key, form, state };
        let answer = match client.services() {
            Some(services) => pause.on_server(&run, services.clone()).await?,
            None if client.orchestrator().is_some() => {
                let reason = "whoever decides about its states knows no pauses".to_owned();
                return Err(PauseError::Refused { run: describe(&run), reason });
            }
            None => pause.here(&run).await?,
        };
        tracing::info!(target: RUNS, "Resuming flow run execution!");
        Ok(answer)
    }
}

/// Where lines about runs go.
const RUNS: &str = "context::run";

impl IntoFuture for PauseFlowRun {
    type Output = Result<(), PauseError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.pause())
    }
}

/// A pause that waits for an answer. Made by [`wait_for_input`](PauseFlowRun::wait_for_input).
#[must_use = "nothing is paused before this is awaited, or `pause_blocking` is called"]
pub struct PauseForInput<T> {
    pause: PauseFlowRun,
    description: Option<String>,
    input: PhantomData<fn() -> T>,
}

impl<T> PauseForInput<T>
where
    T: DeserializeOwned + JsonSchema,
{
    /// The same with something that is said to whoever is asked; may be markdown.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Pauses the flow run and waits for the answer. Awaiting the value itself does the same.
    ///
    /// # Errors
    ///
    /// As [`PauseFlowRun::pause`]; and if the run was resumed without an answer that is a `T`.
    pub async fn pause(self) -> Result<T, PauseError> {
        let form = Form::of::<T>(self.description);
        let answer = self.pause.wait(Some(form)).await?;
        input::decode(answer)
    }

    /// As [`pause`](Self::pause), for plain functions. Blocks the thread while it waits.
    ///
    /// # Errors
    ///
    /// As [`pause`](Self::pause).
    pub fn pause_blocking(self) -> Result<T, PauseError> {
        let form = Form::of::<T>(self.description);
        let answer = blocking(self.pause.wait(Some(form)))?;
        input::decode(answer)
    }
}

impl<T> IntoFuture for PauseForInput<T>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    type Output = Result<T, PauseError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.pause())
    }
}

impl<T> std::fmt::Debug for PauseForInput<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PauseForInput")
            .field("pause", &self.pause)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

/// A pause that is to be made.
struct Pause {
    timeout: Duration,
    key: String,
    form: Option<Form>,
    state: State,
}

impl Pause {
    /// Pauses a run about which this process decides.
    async fn here(self, run: &FlowRunContext) -> Result<Option<Value>, PauseError> {
        let Self { timeout, key, form, state } = self;
        if !run.course().fire(&key) {
            return Ok(run.course().response(&key));
        }
        let Some(state) = run.enter(state) else { return Err(not_running(run)) };
        let until = state.details().pause_timeout.unwrap_or(state.timestamp());
        let resumed = local::wait(run, &key, until, form);
        within(timeout, resumed).await.ok_or_else(|| timed_out(run, timeout))
    }

    /// Pauses a run about which a server decides.
    async fn on_server(
        self,
        run: &FlowRunContext,
        services: Arc<dyn Services>,
    ) -> Result<Option<Value>, PauseError> {
        let Self { timeout, key, form, state } = self;
        let server = |error| PauseError::Server { problem: format!("{error}") };
        let asks = form.is_some();
        let asked = form.map(|Form { schema, description, .. }| AskedInput { schema, description });
        match services.pause(run.id(), state, asked).await.map_err(server)? {
            Paused::Now(state) => {
                if run.enter(state).is_none() {
                    return Err(not_running(run));
                }
                let resumed = within(timeout, services.resumed(run.id())).await;
                let state = resumed.transpose().map_err(server)?;
                match state {
                    Some(state) if state.is_running() => drop(run.enter(state)),
                    None => return Err(timed_out(run, timeout)),
                    // Somebody has failed it, because it was not resumed in time.
                    Some(state) if state.is_failed() => return Err(timed_out(run, timeout)),
                    Some(state) => {
                        let (run, state) = (describe(run), state.name().to_owned());
                        return Err(PauseError::Ended { run, state });
                    }
                }
            }
            Paused::Before => {}
            Paused::Refused(reason) => {
                return Err(PauseError::Refused { run: describe(run), reason });
            }
        }
        if !asks {
            return Ok(None);
        }
        services.response(run.id(), key).await.map_err(server)
    }
}

fn describe(run: &FlowRunContext) -> String {
    format!("flow run '{}'", run.name())
}

fn timed_out(run: &FlowRunContext, timeout: Duration) -> PauseError {
    PauseError::FlowPauseTimeout { run: describe(run), timeout }
}

fn not_running(run: &FlowRunContext) -> PauseError {
    // In Prefect's words.
    let reason = "Cannot pause flows that are not currently running.".to_owned();
    PauseError::Refused { run: describe(run), reason }
}

/// What `future` gives, if it does within `limit`.
async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut deadline = runner::sleep(limit);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => deadline.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Blocks the thread until `wait` is over. Unwinds if meanwhile the flow run, or the process, is to end.
fn blocking<T>(wait: impl Future<Output = T>) -> T {
    let wish = FlowRunContext::get().and_then(|run| run.data().cancellation.clone());
    let waited = runner::block_on(async move {
        let (mut wait, mut noted) = (pin!(wait), pin!(runner::noted()));
        poll_fn(|cx| {
            if let Poll::Ready(output) = wait.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            let cancelled = wish.as_ref().is_some_and(|wish| wish.poll_requested(cx).is_ready());
            let over = cancelled || noted.as_mut().poll(cx).is_ready();
            if over { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    });
    waited.unwrap_or_else(|| {
        runner::check_interrupt();
        resume_unwind(Box::new(Cancelled))
    })
}

#[cfg(test)]
mod tests;
