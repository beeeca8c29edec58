//! `ClockContext`: the manual clock that stands in for the system's.

use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};

use super::scope::scoped_by_push;
use super::{ContextModel, Frame, Policy, Scope};
use crate::clock::{self, ManualClock};
use crate::secret::Secrets;
use crate::stack;

/// The manual clock that stands in for the system's; outside of tests there is none. Prefect has no such context.
///
/// # Example: the time is what the clock shows
///
/// ```
/// use context_core::clock::{ManualClock, Timestamp};
/// use context_core::context::{ClockContext, ContextModel};
///
/// let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
/// ClockContext::new(clock).in_scope(|| assert_eq!(Timestamp::now(), Timestamp::UNIX_EPOCH));
/// assert_ne!(Timestamp::now(), Timestamp::UNIX_EPOCH);
/// ```
#[derive(Clone, Debug)]
pub struct ClockContext {
    clock: ManualClock,
}

impl ClockContext {
    /// A context of `clock`.
    pub const fn new(clock: ManualClock) -> Self {
        Self { clock }
    }

    /// The clock.
    pub const fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn push(&self, current: Option<&Arc<Frame>>) -> Arc<Frame> {
        clock::install_ambient(ambient);
        Frame::with_outer(current, |outer| outer.clock = Some(self.clock.clone()))
    }
}

/// Reads no time, as the clock asks of it.
fn ambient() -> Option<ManualClock> {
    stack::peek::<Frame, _>(|frame| frame?.outer()?.clock.clone())
}

impl ContextModel for ClockContext {
    const NAME: &'static str = "ClockContext";
    const POLICY: Policy = Policy::IN_PROCESS;

    fn get() -> Option<Self> {
        ambient().map(Self::new)
    }

    /// A clock has no serial form: it belongs to the process.
    fn serialize(&self, _: Secrets) -> Value {
        json!({})
    }

    scoped_by_push!();
}
