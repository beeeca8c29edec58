//! What a state gives: the value of its run, or why there is none.

use super::{Failure, RunError, RunErrorKind, State, StateType};

impl<T> State<T> {
    /// The value of the run.
    ///
    /// # Errors
    ///
    /// If the run failed, crashed or was cancelled: its error, or one made of the state's message. If it is paused or has
    /// not ended: that. If it completed but the state does not hold its value: that.
    ///
    /// ```
    /// use context_core::state::State;
    ///
    /// assert_eq!(State::completed().with_data(7).result().unwrap(), 7);
    /// let error = State::failed("no luck").with_data(7).result().unwrap_err();
    /// assert_eq!(error.to_string(), "the run failed: no luck");
    /// assert!(State::running().result().unwrap_err().to_string().contains("Running"));
    /// ```
    pub fn result(self) -> Result<T, RunError> {
        match self.problem() {
            Some(error) => Err(error),
            None => {
                let run = self.run(&the_run);
                self.data.ok_or_else(|| RunErrorKind::MissingResult { run }.into())
            }
        }
    }

    /// Why the run has no value; `None` if it has completed.
    pub fn problem(&self) -> Option<RunError> {
        self.problem_of(&the_run)
    }

    /// As `problem`; `run` names the run in a message, if the state does not know it.
    pub(crate) fn problem_of(&self, run: &dyn Fn() -> String) -> Option<RunError> {
        let run = || self.run(run);
        let message = |fallback: &str| self.message().unwrap_or(fallback).to_owned();
        let kind = match self.state_type {
            StateType::Completed => return None,
            StateType::Paused => RunErrorKind::Paused { run: run() },
            StateType::Failed | StateType::Crashed | StateType::Cancelled
                if self.error.is_some() =>
            {
                return self.error.clone();
            }
            StateType::Failed => {
                let message = message("Run failed.");
                let failure = Failure { type_name: "State", message, source: None };
                RunErrorKind::Failed { run: run(), failure }
            }
            StateType::Crashed => {
                RunErrorKind::Crashed { run: run(), message: message("Run crashed.") }
            }
            StateType::Cancelled => {
                RunErrorKind::Cancelled { run: run(), message: message("Run cancelled.") }
            }
            StateType::Scheduled
            | StateType::Pending
            | StateType::Running
            | StateType::Cancelling => {
                if let Some(error) = &self.error {
                    // Of a run that never will be ready.
                    return Some(error.clone());
                }
                RunErrorKind::Unfinished { run: run(), state: self.name.clone().into_owned() }
            }
        };
        Some(kind.into())
    }

    /// The run in a message. A state that no run has entered does not know it.
    fn run(&self, unknown: &dyn Fn() -> String) -> String {
        let details = self.details();
        match (details.task_run_id, details.flow_run_id) {
            (Some(id), _) => format!("task run {id}"),
            (None, Some(id)) => format!("flow run {id}"),
            (None, None) => unknown(),
        }
    }
}

fn the_run() -> String {
    "the run".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::{FlowRunId, TaskRunId};
    use crate::state::constructors::PauseEnd;

    fn error(state: State) -> String {
        state.with_data(1).result().unwrap_err().to_string()
    }

    #[test]
    fn each_type_of_state_gives_its_value_or_its_error() {
        assert_eq!(State::completed().with_data(1).result().unwrap(), 1);
        assert_eq!(State::cached().with_data(1).result().unwrap(), 1);
        let missing = State::from_parts(State::completed(), Ok(())).holding::<u8>(None);
        assert!(matches!(missing.result().unwrap_err().kind(), RunErrorKind::MissingResult { .. }));
        assert_eq!(error(State::failed("no")), "the run failed: no");
        assert_eq!(error(State::crashed("no")), "the run crashed: no");
        assert_eq!(error(State::cancelled()), "the run was cancelled: Run cancelled.");
        for state in [State::pending(), State::running(), State::cancelling(), State::late(None)] {
            let name = state.name().to_owned();
            assert!(error(state).contains(&name), "the error names the state");
        }
        let paused = State::paused(PauseEnd::Never).with_data(1).result().unwrap_err();
        assert!(matches!(paused.kind(), RunErrorKind::Paused { .. }));
    }

    #[test]
    fn the_run_is_named_where_it_is_known() {
        let now = Timestamp::now();
        let (flow, task) = (FlowRunId::generate(now), TaskRunId::generate(now));
        let of_flow = |state: State| state.with_details(|details| details.flow_run_id = Some(flow));
        let of_task =
            |state: State| of_flow(state).with_details(|details| details.task_run_id = Some(task));
        for state in [State::failed("no"), State::running(), State::paused(PauseEnd::Never)] {
            assert!(error(of_flow(state.clone())).starts_with(&format!("flow run {flow} ")));
            assert!(error(of_task(state)).starts_with(&format!("task run {task} ")));
        }
        let named = State::failed("no").problem_of(&|| "flow run 'load'".to_owned()).unwrap();
        assert_eq!(named.to_string(), "flow run 'load' failed: no");
    }

    #[test]
    fn the_error_of_the_run_comes_before_the_text_of_its_state() {
        let own = RunError::from(RunErrorKind::MissingResult { run: "it".to_owned() });
        let state = State::from_parts::<u8>(State::failed("text"), Err(own));
        assert!(matches!(state.result().unwrap_err().kind(), RunErrorKind::MissingResult { .. }));
    }
}
