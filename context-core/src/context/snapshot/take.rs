//! Taking a snapshot.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::Parts;
use super::parts::{
    FlowPart, FlowRunPart, SettingsPart, StandInPart, TagsPart, TaskPart, TaskRunPart,
};
use crate::context::{DeploymentContext, FlowRunContext, Frame, LiveTask, TaskDetails};
use crate::parameters::Parameters;
use crate::record::TaskInputs;
use crate::secret::Secrets;
use crate::settings::{Settings, ToVariables};
use crate::tags::Tag;

impl Parts {
    /// What surrounds the code that runs with `frame`.
    pub(super) fn take(frame: Option<&Arc<Frame>>, secrets: Secrets) -> Self {
        let settings = settings(&Frame::settings(frame), secrets);
        let Some(frame) = frame else {
            return Self { settings: Some(Arc::new(settings)), ..Self::default() };
        };
        let deployment = frame.deployment();
        Self {
            flow_run: frame.flow().map(flow_run),
            task_run: frame.task().map(|task| task_run(frame, task)),
            tags: frame.tags().map(|tags| TagsPart { current_tags: tags.merged().clone() }),
            settings: Some(Arc::new(settings)),
            assets: None,
            deployment_id: deployment.map(DeploymentContext::id),
            deployment_parameters: deployment.map(|deployment| raw_always(deployment.parameters())),
            traceparent: frame.traceparent().cloned(),
        }
    }
}

fn flow_run(flow: &FlowRunContext) -> FlowRunPart {
    let data = flow.data();
    let name = data.definition.name();
    let renamed = data.options.as_deref().map(|options| options.flow_name(data.definition));
    FlowRunPart {
        flow: FlowPart {
            renamed: renamed.filter(|renamed| *renamed != name),
            name,
            module: data.definition.meta().module.to_owned(),
        },
        id: flow.id(),
        name: flow.name().to_owned(),
        tags: flow.tags(),
        detached: true,
        parameters: raw(&data.parameters),
        start_time: data.start_time,
        run_count: data.run_count,
        parent: data.stand_in.map(|stand_in| StandInPart {
            task_run_id: stand_in.id,
            count: stand_in.count,
            flow_run_id: stand_in.flow_run_id,
            run_count: stand_in.run_count,
            parent: stand_in.parent,
        }),
        parent_flow_run_id: data.parent_flow_run_id,
        root_flow_run_id: data.root_flow_run_id,
        log_prints: data.log_prints,
    }
}

fn task_run(frame: &Frame, live: &LiveTask) -> TaskRunPart {
    let (definition, details) = (live.definition, live.details.as_deref());
    let options = details.and_then(|details| details.options.as_deref());
    let renamed = options.map(|options| options.task_name(definition));
    let tagged = options.map(|options| options.own_tags());
    TaskRunPart {
        task: TaskPart {
            task_key: definition.task_key(),
            module: definition.meta().module.to_owned(),
            renamed: renamed.filter(|name| *name != definition.name()).map(ToOwned::to_owned),
            tagged: tagged
                .filter(|tags| !tags.iter().eq(definition.options().own_tags().iter()))
                .map(|tags| tags.iter().map(Tag::from).collect()),
        },
        id: live.id,
        name: details.and_then(|details| details.name.clone()),
        called_the_flow: frame.flow().is_some() && frame.caller().is_none(),
        parameters: details.and_then(|details| raw(&details.parameters)),
        start_time: live.start_time,
        run_count: live.run_count,
        parent_task_run_id: live.parent,
        task_inputs: details.map_or_else(Vec::new, task_inputs),
    }
}

fn task_inputs(details: &TaskDetails) -> Vec<(String, Vec<crate::id::TaskRunId>)> {
    let inputs: &TaskInputs = &details.inputs;
    inputs.iter().map(|(name, runs)| (name.to_owned(), runs.to_vec())).collect()
}

fn settings(settings: &Settings, secrets: Secrets) -> SettingsPart {
    let which = ToVariables { exclude_unset: true, secrets, include_aliases: false };
    let variables = settings.to_environment_variables(which);
    SettingsPart {
        profile: settings.profile().to_owned(),
        settings: variables.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
    }
}

/// The parameters as they are; nothing if there are none.
fn raw(parameters: &Parameters) -> Option<Box<RawValue>> {
    (!parameters.is_empty()).then(|| raw_always(parameters))
}

fn raw_always(parameters: &Parameters) -> Box<RawValue> {
    let text = parameters.as_json().to_owned();
    RawValue::from_string(text).expect("parameters are JSON")
}
