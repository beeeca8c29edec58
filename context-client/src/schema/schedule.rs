//! Schedules of deployments.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{JsonObject, null_as_default};

/// When runs are to be created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Schedule {
    /// Again and again after the same time.
    Interval {
        /// Seconds.
        interval: f64,
        /// A time at which it would run. The server takes its own if there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        anchor_date: Option<Timestamp>,
        /// An IANA name, for days that are longer or shorter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timezone: Option<String>,
    },
    /// As cron would.
    Cron {
        /// Five fields: minute, hour, day, month, day of the week.
        cron: String,
        /// An IANA name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timezone: Option<String>,
        /// Whether one of the two kinds of days is enough. It is, if nothing else is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        day_or: Option<bool>,
    },
    /// By a rule of iCalendar.
    RRule {
        /// The rule.
        rrule: String,
        /// An IANA name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timezone: Option<String>,
    },
    /// One that this version does not know.
    Other(JsonObject),
}

/// A schedule for a deployment to create.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeploymentScheduleCreate {
    /// When.
    pub schedule: Schedule,
    /// Whether it is in force.
    pub active: bool,
    /// So many runs at most are created beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_scheduled_runs: Option<u32>,
    /// What differs from the deployment's parameters.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    pub parameters: JsonObject,
    /// By which it is recognised when the deployment is created again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
}

impl DeploymentScheduleCreate {
    /// This schedule, in force.
    pub fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            active: true,
            max_scheduled_runs: None,
            parameters: JsonObject::new(),
            slug: None,
        }
    }
}

/// A schedule of a deployment, as the server knows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct DeploymentSchedule {
    /// Its id.
    pub id: Uuid,
    /// The deployment.
    #[serde(default)]
    pub deployment_id: Option<Uuid>,
    /// When.
    pub schedule: Schedule,
    /// Whether it is in force.
    #[serde(default)]
    pub active: bool,
    /// So many runs at most are created beforehand.
    #[serde(default)]
    pub max_scheduled_runs: Option<u32>,
    /// What differs from the deployment's parameters.
    #[serde(default, deserialize_with = "null_as_default")]
    pub parameters: JsonObject,
    /// By which it is recognised.
    #[serde(default)]
    pub slug: Option<String>,
}
