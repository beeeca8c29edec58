//! Failures of other processes.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::runner::RemoteFailure;
use crate::state::Failure;

/// A failure elsewhere as one of here.
pub(super) fn failure_of(failure: RemoteFailure) -> Failure {
    match failure {
        RemoteFailure::Failed { type_name, message, causes } => {
            let source = Some(cause_of(&message, causes));
            Failure { type_name: interned(&type_name), message, source }
        }
        RemoteFailure::Panicked { message }
        | RemoteFailure::Lost { message }
        | RemoteFailure::Refused { message } => {
            Failure { type_name: "RemoteFailure", message, source: None }
        }
    }
}

/// An error of another process.
#[derive(Debug)]
struct Cause {
    text: String,
    cause: Option<Box<Self>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| -> &(dyn Error + 'static) { cause })
    }
}

fn cause_of(message: &str, causes: Vec<String>) -> Arc<dyn Error + Send + Sync> {
    let cause =
        causes.into_iter().rev().fold(None, |cause, text| Some(Box::new(Cause { text, cause })));
    Arc::new(Cause { text: message.to_owned(), cause })
}

/// The names of error types, which are those of one program: there are not many.
fn interned(name: &str) -> &'static str {
    static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.iter().find(|known| **known == name) {
        return known;
    }
    let leaked: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.push(leaked);
    leaked
}
