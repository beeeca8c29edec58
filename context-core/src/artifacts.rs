//! Artifacts: what runs show to people, such as a report, a table, or how far they are.
//!
//! An artifact belongs to the task run and the flow run that surround the call. One with a key is a version of what has
//! this key, and the page of artifacts shows them one after the other; one without is found at its run only. With a server
//! in the ambient client it is kept there, and the call ends when it is. Without one there is nobody to keep it: recorders
//! are told, the summary counts it, and an id is drawn, so that the same program runs.
//!
//! Each function gives a value that is awaited, or in plain functions [created](NewArtifact::create_blocking) while the
//! thread waits.
//!
//! # Examples
//!
//! ```
//! use context_core::artifacts::{create_markdown_artifact, create_progress_artifact, update_progress_artifact};
//!
//! # async fn report() -> Result<(), context_core::artifacts::ArtifactError> {
//! create_markdown_artifact("# 12 orders").key("orders").description("of today").await?;
//! let progress = create_progress_artifact(0.0).await?;
//! update_progress_artifact(progress, 50.0).await?;
//! # Ok(())
//! # }
//! // In a plain function:
//! let id = create_markdown_artifact("All is well.").key("state").create_blocking()?;
//! # let _ = id;
//! # Ok::<(), context_core::artifacts::ArtifactError>(())
//! ```

mod error;
mod table;

use std::future::IntoFuture;
use std::pin::Pin;

use serde::Serialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::context::Frame;
use crate::record::{ArtifactChange, ArtifactEvent, Client, NewArtifact as Kept, Origin, RunEvent};
use crate::runner;
use crate::stack;

pub use crate::id::ArtifactId;
pub use error::ArtifactError;

/// Shows `markdown`.
pub fn create_markdown_artifact(markdown: impl Into<String>) -> NewArtifact {
    NewArtifact::new("markdown", Ok(markdown.into().into()))
}

/// Shows a link to `link`, under its own address unless there is [`link_text`](NewArtifact::link_text).
pub fn create_link_artifact(link: impl Into<String>) -> NewArtifact {
    let link = link.into();
    let markdown = format!("[{link}]({link})");
    NewArtifact { link: Some(link), ..NewArtifact::new("markdown", Ok(markdown.into())) }
}

/// Shows `table` as a table: a list of structs or maps, one for each row; a list of lists; or a map from the names of
/// columns to lists. A number that is not finite is shown as nothing.
pub fn create_table_artifact(table: impl Serialize) -> NewArtifact {
    NewArtifact::new("table", table::encode(&table).map(Value::String))
}

/// Shows how far something is, in percent from 0 to 100. What is less or more counts as the end of that range, with a
/// warning.
pub fn create_progress_artifact(progress: f64) -> NewArtifact {
    NewArtifact::new("progress", percent(progress))
}

/// Shows the picture at a public address.
pub fn create_image_artifact(image_url: impl Into<String>) -> NewArtifact {
    NewArtifact::new("image", Ok(image_url.into().into()))
}

/// Shows another progress in an artifact that [`create_progress_artifact`] has created.
pub fn update_progress_artifact(artifact: ArtifactId, progress: f64) -> ProgressUpdate {
    ProgressUpdate { artifact, data: percent(progress), description: None }
}

/// An artifact that is to be created.
#[derive(Clone, Debug)]
#[must_use = "nothing is created before this is awaited, or `create_blocking` is called"]
pub struct NewArtifact {
    kind: &'static str,
    data: Result<Value, ArtifactError>,
    /// Of a link.
    link: Option<String>,
    key: Option<String>,
    description: Option<String>,
}

impl NewArtifact {
    const fn new(kind: &'static str, data: Result<Value, ArtifactError>) -> Self {
        Self { kind, data, link: None, key: None, description: None }
    }

    /// The same as a version of what has this key: lower case letters, digits and dashes.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same with something that is said about it; may be markdown.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The same with a text to show in place of a link's address. What is no link does not change.
    pub fn link_text(mut self, text: impl AsRef<str>) -> Self {
        if let Some(link) = &self.link {
            self.data = Ok(format!("[{}]({link})", text.as_ref()).into());
        }
        self
    }

    /// Creates the artifact. Awaiting the value itself does the same.
    ///
    /// # Errors
    ///
    /// If the key has other characters, a table is none, or the server does not keep it.
    pub async fn create(self) -> Result<ArtifactId, ArtifactError> {
        let data = self.data?;
        if let Some(key) = &self.key {
            check_key(key)?;
        }
        let frame = stack::current::<Frame>();
        let client = Frame::with_client(frame.as_ref(), Client::clone);
        let origin = Origin::of(frame.as_ref());
        drop(frame);
        if origin.flow_run_id.is_none() && origin.task_run_id.is_none() {
            tracing::debug!("an artifact is created outside of runs, and will belong to none");
        }
        let Self { kind, key, description, .. } = self;
        let id = match client.services() {
            None => ArtifactId::generate(Timestamp::now()),
            Some(services) => {
                let creating = services.create_artifact(Kept {
                    key: key.clone(),
                    kind,
                    description: description.clone(),
                    data: data.clone(),
                    flow_run_id: origin.flow_run_id,
                    task_run_id: origin.task_run_id,
                });
                creating.await.map_err(ArtifactError::server)?
            }
        };
        client.record(&RunEvent::Artifact(ArtifactEvent {
            event: ArtifactEvent::CREATED,
            id,
            key: key.as_deref(),
            kind: Some(kind),
            description: description.as_deref(),
            data: &data,
            origin: &origin,
        }));
        Ok(id)
    }

    /// As [`create`](Self::create), for plain functions. Blocks the thread until it is done.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_blocking(self) -> Result<ArtifactId, ArtifactError> {
        runner::block_on(Box::pin(self.create()))
    }
}

impl IntoFuture for NewArtifact {
    type Output = Result<ArtifactId, ArtifactError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.create())
    }
}

/// Another progress that is to be shown. Made by [`update_progress_artifact`].
#[derive(Clone, Debug)]
#[must_use = "nothing is changed before this is awaited, or `update_blocking` is called"]
pub struct ProgressUpdate {
    artifact: ArtifactId,
    data: Result<Value, ArtifactError>,
    description: Option<String>,
}

impl ProgressUpdate {
    /// The same with something else that is said about it.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Changes the artifact. Awaiting the value itself does the same.
    ///
    /// # Errors
    ///
    /// If the progress is no number, there is no such artifact on the server, or the server does not change it.
    pub async fn update(self) -> Result<ArtifactId, ArtifactError> {
        let Self { artifact: id, data, description } = self;
        let data = data?;
        let frame = stack::current::<Frame>();
        let client = Frame::with_client(frame.as_ref(), Client::clone);
        let origin = Origin::of(frame.as_ref());
        drop(frame);
        if let Some(services) = client.services() {
            let change = ArtifactChange { data: data.clone(), description: description.clone() };
            let changing = services.update_artifact(id, change);
            if !changing.await.map_err(ArtifactError::server)? {
                return Err(ArtifactError::Unknown { id });
            }
        }
        client.record(&RunEvent::Artifact(ArtifactEvent {
            event: ArtifactEvent::UPDATED,
            id,
            key: None,
            kind: None,
            description: description.as_deref(),
            data: &data,
            origin: &origin,
        }));
        Ok(id)
    }

    /// As [`update`](Self::update), for plain functions. Blocks the thread until it is done.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update).
    pub fn update_blocking(self) -> Result<ArtifactId, ArtifactError> {
        runner::block_on(Box::pin(self.update()))
    }
}

impl IntoFuture for ProgressUpdate {
    type Output = Result<ArtifactId, ArtifactError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.update())
    }
}

fn check_key(key: &str) -> Result<(), ArtifactError> {
    if key.is_empty() {
        return Err(ArtifactError::EmptyKey);
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match key.chars().find(|c| !allowed(*c)) {
        Some(character) => Err(ArtifactError::InvalidKey { key: key.to_owned(), character }),
        None => Ok(()),
    }
}

fn percent(progress: f64) -> Result<Value, ArtifactError> {
    if progress.is_nan() {
        return Err(ArtifactError::NotANumber);
    }
    let shown = progress.clamp(0.0, 100.0);
    if shown != progress {
        tracing::warn!("a progress of {progress} % is shown as {shown} %");
    }
    Ok(shown.into())
}

#[cfg(test)]
mod tests;
