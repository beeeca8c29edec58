//! Concurrency limits: how many at once, and who holds the slots.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{null_as_default, open_enum::open_enum};

open_enum! {
    /// What taken slots are for.
    pub enum ConcurrencyMode {
        /// They are given back.
        Concurrency = "concurrency",
        /// They come back by themselves, with time.
        RateLimit = "rate_limit",
    }
}

open_enum! {
    /// What holds slots.
    pub enum HolderType {
        /// A flow run.
        FlowRun = "flow_run",
        /// A task run.
        TaskRun = "task_run",
        /// A deployment.
        Deployment = "deployment",
    }
}

/// Who holds slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseHolder {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: HolderType,
    /// Its id.
    pub id: Uuid,
}

/// A limit of which slots were taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct LimitSlots {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// How many slots it has.
    pub limit: u64,
}

/// Slots that are held until they are released, or until the lease ends because nobody renewed it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ConcurrencyLease {
    /// By which it is renewed and released.
    pub lease_id: Uuid,
    /// The limits whose slots are held. If it is empty, nothing is held, because there is no such limit.
    #[serde(default, deserialize_with = "null_as_default")]
    pub limits: Vec<LimitSlots>,
}

/// A limit with a name, for everybody.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct GlobalConcurrencyLimit {
    /// Its id.
    pub id: Uuid,
    /// When it was created.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated: Option<Timestamp>,
    /// Whether it is enforced.
    #[serde(default = "yes")]
    pub active: bool,
    /// Its name. That of a tag's limit is `tag:<tag>`.
    pub name: String,
    /// How many slots it has.
    pub limit: u64,
    /// How many of them are taken.
    #[serde(default)]
    pub active_slots: u64,
    /// How many come back by themselves, each second.
    #[serde(default)]
    pub slot_decay_per_second: f64,
}

const fn yes() -> bool {
    true
}

/// A limit with a name to create.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GlobalConcurrencyLimitCreate {
    /// Its name.
    pub name: String,
    /// How many slots it has.
    pub limit: u64,
    /// Whether it is enforced. It is, if nothing else is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// How many slots are taken from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_slots: Option<u64>,
    /// How many come back by themselves, each second. Needed for rate limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_decay_per_second: Option<f64>,
}

/// What is to be changed of a limit. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GlobalConcurrencyLimitUpdate {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many slots it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Whether it is enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// How many slots are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_slots: Option<u64>,
    /// How many come back by themselves, each second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_decay_per_second: Option<f64>,
}

/// The limit of a tag: how many task runs with it may run at once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ConcurrencyLimit {
    /// Its id.
    pub id: Uuid,
    /// When it was created.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default)]
    pub updated: Option<Timestamp>,
    /// The tag.
    pub tag: String,
    /// How many at once.
    pub concurrency_limit: u64,
    /// The task runs that hold a slot.
    #[serde(default, deserialize_with = "null_as_default")]
    pub active_slots: Vec<Uuid>,
}
