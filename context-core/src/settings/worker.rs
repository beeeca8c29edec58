//! What a worker or runner tells the process that it starts for a flow run.

use std::path::PathBuf;
use std::str::FromStr;

use uuid::Uuid;

use super::error::{SettingPlace, SettingsError};
use super::kind::Setting;
use super::source::environment;
use crate::id::FlowRunId;
use crate::secret::Secret;

/// The variables `PREFECT__…`, which a worker or runner sets for the process that it starts. They are no settings: nobody
/// else says them.
///
/// # Examples
///
/// ```
/// use context_core::settings::WorkerVariables;
///
/// let (variables, problems) = WorkerVariables::from_source(|name| match name {
///     "PREFECT__FLOW_ENTRYPOINT" => Some("crawl".to_owned()),
///     "PREFECT__CONTROL_PORT" => Some("-1".to_owned()),
///     _ => None,
/// });
/// assert_eq!(variables.flow_entrypoint.as_deref(), Some("crawl"));
/// assert!(variables.flow_run_id.is_none() && variables.enable_cancellation_and_crashed_hooks);
/// assert_eq!(
///     problems[0].to_string(),
///     "setting `PREFECT__CONTROL_PORT` is \"-1\", but must be a port from 1 to 65535",
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WorkerVariables {
    /// `PREFECT__FLOW_RUN_ID`: the flow run that the process is started for.
    pub flow_run_id: Option<FlowRunId>,
    /// `PREFECT__FLOW_ID`: its flow.
    pub flow_id: Option<Uuid>,
    /// `PREFECT__FLOW_NAME`: the name of its flow.
    pub flow_name: Option<String>,
    /// `PREFECT__FLOW_ENTRYPOINT`: which flow of the program it is, as the deployment says it.
    pub flow_entrypoint: Option<String>,
    /// `PREFECT__DEPLOYMENT_ID`: the deployment.
    pub deployment_id: Option<Uuid>,
    /// `PREFECT__DEPLOYMENT_NAME`: the name of the deployment.
    pub deployment_name: Option<String>,
    /// `PREFECT__WORKER_ID`: the worker that has started the process.
    pub worker_id: Option<Uuid>,
    /// `PREFECT__WORKER_NAME`: the name of the worker.
    pub worker_name: Option<String>,
    /// `PREFECT__STORAGE_BASE_PATH`: where the worker has put the code of the deployment.
    pub storage_base_path: Option<PathBuf>,
    /// `PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS`: whether this process calls these hooks, and not who has started
    /// it. Default yes.
    pub enable_cancellation_and_crashed_hooks: bool,
    /// `PREFECT__CONTROL_PORT`: the port of this machine on which a runner says that the run is to be cancelled.
    pub control_port: Option<u16>,
    /// `PREFECT__CONTROL_TOKEN`: what is sent there first, so that the runner knows who asks.
    pub control_token: Option<Secret<String>>,
}

impl WorkerVariables {
    /// Reads the environment of this process.
    ///
    /// Returns the variables, and an error for each that cannot be read and counts as not set.
    pub fn from_env() -> (Self, Vec<SettingsError>) {
        Self::from_source(environment)
    }

    /// Reads variables that `lookup` knows.
    ///
    /// Returns the variables, and an error for each that cannot be read and counts as not set.
    pub fn from_source(lookup: impl Fn(&str) -> Option<String>) -> (Self, Vec<SettingsError>) {
        let mut problems = Vec::new();
        let text = |name: &str| {
            let text = lookup(name).map(|text| text.trim().to_owned());
            text.filter(|text| !text.is_empty())
        };
        let id = "a UUID";
        let variables = Self {
            flow_run_id: parsed(text, "PREFECT__FLOW_RUN_ID", id, &mut problems),
            flow_id: parsed(text, "PREFECT__FLOW_ID", id, &mut problems),
            flow_name: text("PREFECT__FLOW_NAME"),
            flow_entrypoint: text("PREFECT__FLOW_ENTRYPOINT"),
            deployment_id: parsed(text, "PREFECT__DEPLOYMENT_ID", id, &mut problems),
            deployment_name: text("PREFECT__DEPLOYMENT_NAME"),
            worker_id: parsed(text, "PREFECT__WORKER_ID", id, &mut problems),
            worker_name: text("PREFECT__WORKER_NAME"),
            storage_base_path: text("PREFECT__STORAGE_BASE_PATH").map(PathBuf::from),
            enable_cancellation_and_crashed_hooks: parsed(
                text,
                "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS",
                bool::ALLOWED,
                &mut problems,
            )
            .is_none_or(|Truth(truth)| truth),
            control_port: parsed(
                text,
                "PREFECT__CONTROL_PORT",
                "a port from 1 to 65535",
                &mut problems,
            )
            .map(|Port(port)| port),
            control_token: text("PREFECT__CONTROL_TOKEN").map(Secret::new),
        };
        (variables, problems)
    }

    /// True if a worker or runner has started this process for a flow run.
    pub const fn names_a_flow_run(&self) -> bool {
        self.flow_run_id.is_some()
    }
}

/// The value of a variable, if it is set and can be read.
fn parsed<T: FromStr>(
    text: impl Fn(&str) -> Option<String>,
    name: &str,
    allowed: &'static str,
    problems: &mut Vec<SettingsError>,
) -> Option<T> {
    let text = text(name)?;
    let value = text.parse().ok();
    if value.is_none() {
        problems.push(SettingsError::Invalid {
            name: name.to_owned(),
            value: format!("{text:?}"),
            allowed,
            place: SettingPlace::default(),
        });
    }
    value
}

struct Truth(bool);

impl FromStr for Truth {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        bool::parse(text).map(Self).ok_or(())
    }
}

struct Port(u16);

impl FromStr for Port {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().ok().filter(|port| *port != 0).map(Self).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    #[test]
    fn every_variable_is_read() {
        let (variables, problems) = WorkerVariables::from_source(|name| {
            Some(match name.strip_prefix("PREFECT__")? {
                "ENABLE_CANCELLATION_AND_CRASHED_HOOKS" => "false".to_owned(),
                "CONTROL_PORT" => "4711".to_owned(),
                name if name.ends_with("_ID") => ID.to_owned(),
                name => name.to_lowercase(),
            })
        });
        assert_eq!(problems, []);
        let id = Some(ID.parse().unwrap());
        assert_eq!(
            variables,
            WorkerVariables {
                flow_run_id: Some(ID.parse().unwrap()),
                flow_id: id,
                flow_name: Some("flow_name".to_owned()),
                flow_entrypoint: Some("flow_entrypoint".to_owned()),
                deployment_id: id,
                deployment_name: Some("deployment_name".to_owned()),
                worker_id: id,
                worker_name: Some("worker_name".to_owned()),
                storage_base_path: Some("storage_base_path".into()),
                enable_cancellation_and_crashed_hooks: false,
                control_port: Some(4711),
                control_token: Some("control_token".to_owned().into()),
            }
        );
        assert!(variables.names_a_flow_run());
        assert!(!format!("{variables:?}").contains("control_token\""), "a token is a secret");
    }

    #[test]
    fn what_cannot_be_read_counts_as_not_set() {
        let (variables, problems) = WorkerVariables::from_source(|_| Some("x".to_owned()));
        let names: Vec<_> = problems.iter().filter_map(SettingsError::setting).collect();
        let expected = [
            "PREFECT__FLOW_RUN_ID",
            "PREFECT__FLOW_ID",
            "PREFECT__DEPLOYMENT_ID",
            "PREFECT__WORKER_ID",
            "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS",
            "PREFECT__CONTROL_PORT",
        ];
        assert_eq!(names, expected);
        assert!(!variables.names_a_flow_run() && variables.enable_cancellation_and_crashed_hooks);
        let (nothing, problems) = WorkerVariables::from_source(|_| Some(" ".to_owned()));
        assert_eq!((nothing, problems), WorkerVariables::from_source(|_| None));
    }
}
