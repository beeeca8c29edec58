//! What the context of a run knows of the run that is reported in its place.
//!
//! Several runs may be reported as one. Each of them has a context of its own, with its own id; what recorders are told
//! of code inside, such as which run has called, names the one that they know.

use std::fmt;

use crate::clock::Timestamp;
use crate::id::TaskRunId;

/// A run that is reported in place of several others.
pub(crate) trait ReportedRun: fmt::Debug + Send + Sync {
    /// Its id.
    fn id(&self) -> TaskRunId;

    /// One of the others begins its first attempt, or another one.
    fn begins(&self, at: Timestamp);
}
