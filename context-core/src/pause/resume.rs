//! Resuming: having a paused flow run go on.

use std::future::IntoFuture;
use std::pin::Pin;

use serde::Serialize;
use serde_json::Value;

use super::{ResumeError, local};
use crate::context::Frame;
use crate::id::FlowRunId;
use crate::record::Resumed;
use crate::{runner, secret, stack};

/// Has the flow run `id`, which is paused, go on.
///
/// The run may be paused in this process, or known to the server of the ambient client.
pub const fn resume_flow_run(id: FlowRunId) -> ResumeFlowRun {
    ResumeFlowRun { id, input: None }
}

/// A flow run that is to go on. Made by [`resume_flow_run`].
#[derive(Clone, Debug)]
#[must_use = "nothing is resumed before this is awaited, or `resume_blocking` is called"]
pub struct ResumeFlowRun {
    id: FlowRunId,
    input: Option<Result<Value, ResumeError>>,
}

impl ResumeFlowRun {
    /// The same with what the run has asked for: a struct or a map, or one plain value.
    pub fn run_input(mut self, input: impl Serialize) -> Self {
        let id = self.id;
        // Its mask would be read as the value.
        let input = secret::refused(|| serde_json::to_value(input));
        self.input = Some(match input {
            Ok(input @ Value::Object(_)) => Ok(input),
            Ok(value) => Ok(serde_json::json!({ "value": value })),
            Err(err) => Err(ResumeError::NotJson { id, detail: err.to_string() }),
        });
        self
    }

    /// Has the run go on. Awaiting the value itself does the same.
    ///
    /// # Errors
    ///
    /// If there is no such run, it is not paused, it is too late, the input does not fit, or the server cannot be asked.
    pub async fn resume(self) -> Result<(), ResumeError> {
        let Self { id, input } = self;
        let input = input.transpose()?;
        let resumed = match local::resume(id, input.as_ref()) {
            Some(resumed) => resumed,
            None => {
                let frame = stack::current::<Frame>();
                let services = Frame::with_client(frame.as_ref(), |c| c.services().cloned());
                drop(frame);
                let Some(services) = services else { return Err(ResumeError::Unknown { id }) };
                let resuming = services.resume(id, input);
                let server = |error| ResumeError::Server { problem: format!("{error}") };
                resuming.await.map_err(server)?
            }
        };
        match resumed {
            Resumed::Now => Ok(()),
            Resumed::Unknown => Err(ResumeError::Unknown { id }),
            Resumed::NotPaused(state) => Err(ResumeError::NotPaused { id, state }),
            Resumed::TimedOut => Err(ResumeError::FlowPauseTimeout { id }),
            Resumed::Refused(reason) => Err(ResumeError::Refused { id, reason }),
        }
    }

    /// As [`resume`](Self::resume), for plain functions. Blocks the thread until it is done.
    ///
    /// # Errors
    ///
    /// As [`resume`](Self::resume).
    pub fn resume_blocking(self) -> Result<(), ResumeError> {
        runner::block_on(Box::pin(self.resume()))
    }
}

impl IntoFuture for ResumeFlowRun {
    type Output = Result<(), ResumeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.resume())
    }
}
