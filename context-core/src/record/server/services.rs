//! Services: what the server keeps, and gives, for all who talk to it.

use context_client::ApiError;
use context_client::schema::{ArtifactCreate, ArtifactUpdate, VariableCreate, VariableUpdate};
use serde_json::Value;

use super::Server;
use crate::id::{ArtifactId, FlowRunId};
use crate::record::{
    Answer, ArtifactChange, AskedInput, NewArtifact, NewVariable, Paused, Resumed, Services, Slots,
    Variables, WantedSlots,
};
use crate::state::State;

impl Server {
    /// Has the server changed by `write` while nobody else writes. `doing` says what for, if it fails.
    fn written<T, F>(
        &self,
        doing: String,
        write: impl FnOnce(Self) -> F + Send + 'static,
    ) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let server = self.clone();
        Box::pin(self.ask(async move {
            let written = {
                let _gate = server.gate().await;
                write(server.clone()).await
            };
            written.map_err(|error| server.explain(&doing, &error))
        }))
    }
}

impl Services for Server {
    fn create_artifact(&self, artifact: NewArtifact) -> Answer<ArtifactId> {
        let doing = match &artifact.key {
            Some(key) => format!("create the artifact `{key}`"),
            None => format!("create a {} artifact", artifact.kind),
        };
        self.written(doing, move |server| async move {
            let create = ArtifactCreate {
                key: artifact.key,
                kind: Some(artifact.kind.to_owned()),
                description: artifact.description,
                data: Some(artifact.data),
                flow_run_id: artifact.flow_run_id.map(Into::into),
                task_run_id: artifact.task_run_id.map(Into::into),
                ..ArtifactCreate::default()
            };
            Ok(server.api().create_artifact(&create).await?.id.into())
        })
    }

    fn update_artifact(&self, id: ArtifactId, change: ArtifactChange) -> Answer<bool> {
        self.written(format!("change the artifact {id}"), move |server| async move {
            let ArtifactChange { data, description } = change;
            let update =
                ArtifactUpdate { data: Some(data), description, ..ArtifactUpdate::default() };
            found(server.api().update_artifact(id.into(), &update).await)
        })
    }

    fn take_slots(&self, wanted: WantedSlots) -> Answer<Slots> {
        self.take_wanted_slots(wanted)
    }

    fn pause(&self, id: FlowRunId, state: State, input: Option<AskedInput>) -> Answer<Paused> {
        let server = self.clone();
        Box::pin(self.ask(async move { server.pause_now(id, state, input).await }))
    }

    fn resumed(&self, id: FlowRunId) -> Answer<State> {
        let server = self.clone();
        Box::pin(self.ask_while_wanted(async move { server.left_pause(id).await }))
    }

    fn response(&self, id: FlowRunId, pause_key: String) -> Answer<Option<Value>> {
        let server = self.clone();
        Box::pin(self.ask(async move { server.read_response(id, &pause_key).await }))
    }

    fn resume(&self, id: FlowRunId, input: Option<Value>) -> Answer<Resumed> {
        let server = self.clone();
        Box::pin(self.ask(async move { server.resume_now(id, input).await }))
    }
}

impl Variables for Server {
    fn read_variable(&self, name: String) -> Answer<Option<Value>> {
        let server = self.clone();
        Box::pin(self.ask(async move {
            let read = server.api().read_variable_by_name(&name).await;
            let variable =
                read.map_err(|error| server.explain(&format!("read variable `{name}`"), &error))?;
            Ok(variable.map(|variable| variable.value))
        }))
    }

    fn write_variable(&self, variable: NewVariable) -> Answer<bool> {
        let doing = format!("set variable `{}`", variable.name);
        self.written(doing, move |server| async move {
            let NewVariable { name, value, tags, overwrite } = variable;
            let create = VariableCreate { name: name.clone(), value, tags };
            match server.api().create_variable(&create).await {
                Err(error) if error.is_conflict() => {}
                created => return created.map(|_| true),
            }
            if !overwrite {
                return Ok(false);
            }
            let VariableCreate { value, tags, .. } = create;
            let update = VariableUpdate {
                value: Some(value),
                tags: Some(tags),
                ..VariableUpdate::default()
            };
            server.api().update_variable(&name, &update).await.map(|()| true)
        })
    }

    fn delete_variable(&self, name: String) -> Answer<bool> {
        self.written(format!("unset variable `{name}`"), move |server| async move {
            found(server.api().delete_variable(&name).await)
        })
    }
}

/// False if there is no such thing.
fn found(done: Result<(), ApiError>) -> Result<bool, ApiError> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
