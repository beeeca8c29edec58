//! Variables: small named values that programs share, and that people change without building a program anew.
//!
//! With a server in the ambient client they are the server's. Without one they are in the file `context/variables.json` of
//! `PREFECT_HOME`, so that the same program runs locally; all programs with one home share them.
//!
//! Each function has a twin for plain functions, which blocks the thread until it is done.
//!
//! # Examples
//!
//! ```no_run
//! use context_core::variables;
//!
//! # async fn example() -> Result<(), variables::VariableError> {
//! variables::set("batch_size", 100).tags(["import"]).await?;
//! let size: u32 = variables::get_or("batch_size", 10).await?;
//! variables::set("batch_size", 200).overwrite(true).await?;
//! assert!(variables::unset("batch_size").await?);
//! assert_eq!(variables::get("batch_size").await?, None);
//! # let _ = size; Ok(())
//! # }
//! ```

mod error;
mod file;

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::file::VariablesFile;
use crate::context::{Frame, SettingsContext};
use crate::record::{Client, NewVariable, Variables};
use crate::secret;
use crate::{runner, stack};

pub use error::VariableError;

/// The most characters that the name of a variable may have.
pub const LONGEST_NAME: usize = 255;
/// The most bytes that the value of a variable may have as JSON.
pub const LARGEST_VALUE: usize = 5_000;

/// Where variables are, for code that is called here.
fn variables() -> Arc<dyn Variables> {
    let frame = stack::current::<Frame>();
    let client = Frame::with_client(frame.as_ref(), Client::clone);
    match client.services() {
        Some(services) => services.clone(),
        None => Arc::new(VariablesFile::of(SettingsContext::get().settings())),
    }
}

/// The value of the variable `name`; `None` if there is none. A variable may be null: then it is `Some(Value::Null)`.
///
/// # Errors
///
/// If the variables cannot be read.
pub async fn get(name: &str) -> Result<Option<Value>, VariableError> {
    let reading = variables().read_variable(name.to_owned());
    reading.await.map_err(VariableError::unavailable)
}

/// As [`get`], for plain functions.
///
/// # Errors
///
/// As [`get`].
pub fn get_blocking(name: &str) -> Result<Option<Value>, VariableError> {
    runner::block_on(Box::pin(get(name)))
}

/// The value of the variable `name` as a `T`; `None` if there is none.
///
/// # Errors
///
/// If the variable has another form, or the variables cannot be read.
pub async fn get_as<T: DeserializeOwned>(name: &str) -> Result<Option<T>, VariableError> {
    let Some(value) = get(name).await? else { return Ok(None) };
    match serde_json::from_value(value) {
        Ok(value) => Ok(Some(value)),
        Err(err) => Err(VariableError::Mismatch {
            name: name.to_owned(),
            type_name: std::any::type_name::<T>(),
            detail: err.to_string(),
        }),
    }
}

/// As [`get_as`], for plain functions.
///
/// # Errors
///
/// As [`get_as`].
pub fn get_as_blocking<T: DeserializeOwned>(name: &str) -> Result<Option<T>, VariableError> {
    runner::block_on(Box::pin(get_as(name)))
}

/// The value of the variable `name` as a `T`; `default` if there is none.
///
/// # Errors
///
/// As [`get_as`].
pub async fn get_or<T: DeserializeOwned>(name: &str, default: T) -> Result<T, VariableError> {
    Ok(get_as(name).await?.unwrap_or(default))
}

/// As [`get_or`], for plain functions.
///
/// # Errors
///
/// As [`get_as`].
pub fn get_or_blocking<T: DeserializeOwned>(name: &str, default: T) -> Result<T, VariableError> {
    Ok(get_as_blocking(name)?.unwrap_or(default))
}

/// Makes the variable `name`, of up to [`LONGEST_NAME`] lower case letters, digits, dashes and underscores. Its value has at
/// most [`LARGEST_VALUE`] bytes as JSON; a number that is not finite becomes null.
pub fn set(name: impl Into<String>, value: impl Serialize) -> SetVariable {
    let name = name.into();
    // Its mask would be read as the value.
    let value = secret::refused(|| serde_json::to_value(value));
    let value =
        value.map_err(|err| VariableError::NotJson { name: name.clone(), detail: err.to_string() });
    SetVariable { name, value, tags: Vec::new(), overwrite: false }
}

/// Removes the variable `name`. False if there is none.
///
/// # Errors
///
/// If the variables cannot be changed.
pub async fn unset(name: &str) -> Result<bool, VariableError> {
    let removing = variables().delete_variable(name.to_owned());
    removing.await.map_err(VariableError::unavailable)
}

/// As [`unset`], for plain functions.
///
/// # Errors
///
/// As [`unset`].
pub fn unset_blocking(name: &str) -> Result<bool, VariableError> {
    runner::block_on(Box::pin(unset(name)))
}

/// A variable that is to be made. Made by [`set`].
#[derive(Debug)]
#[must_use = "nothing is set before this is awaited, or `set_blocking` is called"]
pub struct SetVariable {
    name: String,
    value: Result<Value, VariableError>,
    tags: Vec<String>,
    overwrite: bool,
}

impl SetVariable {
    /// The same with these tags, in place of any that were given before.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a variable that there is gets the new value and tags. Otherwise it is an error that there is one.
    pub const fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Makes the variable. Awaiting the value itself does the same.
    ///
    /// # Errors
    ///
    /// If the name has other characters or too many, the value is too large or no JSON, there is such a variable and it is
    /// not to be overwritten, or the variables cannot be changed.
    pub async fn set(self) -> Result<(), VariableError> {
        let Self { name, value, tags, overwrite } = self;
        let value = value?;
        check(&name, &value)?;
        let variable = NewVariable { name: name.clone(), value, tags, overwrite };
        let writing = variables().write_variable(variable);
        match writing.await.map_err(VariableError::unavailable)? {
            true => Ok(()),
            false => Err(VariableError::Exists { name }),
        }
    }

    /// As [`set`](Self::set), for plain functions.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub fn set_blocking(self) -> Result<(), VariableError> {
        runner::block_on(Box::pin(self.set()))
    }
}

impl IntoFuture for SetVariable {
    type Output = Result<(), VariableError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.set())
    }
}

fn check(name: &str, value: &Value) -> Result<(), VariableError> {
    if name.is_empty() {
        return Err(VariableError::EmptyName);
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if let Some(character) = name.chars().find(|c| !allowed(*c)) {
        return Err(VariableError::InvalidName { name: name.to_owned(), character });
    }
    if name.len() > LONGEST_NAME {
        return Err(VariableError::NameTooLong { name: name.to_owned(), length: name.len() });
    }
    let size = value.to_string().len();
    if size > LARGEST_VALUE {
        return Err(VariableError::ValueTooLarge { name: name.to_owned(), size });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
