//! What is asked of a collection: filters, an order, and which part.

use serde::Serialize;

use super::filter::{
    ArtifactFilter, AutomationFilter, DeploymentFilter, FlowFilter, FlowRunFilter, LogFilter,
    TaskRunFilter, VariableFilter, WorkPoolFilter, WorkQueueFilter,
};
use super::open_enum::open_enum;

open_enum! {
    /// An order. Each collection knows some of them, and refuses the others.
    pub enum Sort {
        /// By id, the last first.
        IdDesc = "ID_DESC",
        /// By creation, the last first.
        CreatedDesc = "CREATED_DESC",
        /// By change, the last first.
        UpdatedDesc = "UPDATED_DESC",
        /// By name.
        NameAsc = "NAME_ASC",
        /// By name, backwards.
        NameDesc = "NAME_DESC",
        /// By key.
        KeyAsc = "KEY_ASC",
        /// By key, backwards.
        KeyDesc = "KEY_DESC",
        /// By time.
        TimestampAsc = "TIMESTAMP_ASC",
        /// By time, the last first.
        TimestampDesc = "TIMESTAMP_DESC",
        /// By the beginning.
        StartTimeAsc = "START_TIME_ASC",
        /// By the beginning, the last first.
        StartTimeDesc = "START_TIME_DESC",
        /// By the end, the last first.
        EndTimeDesc = "END_TIME_DESC",
        /// By the expected beginning.
        ExpectedStartTimeAsc = "EXPECTED_START_TIME_ASC",
        /// By the expected beginning, the last first.
        ExpectedStartTimeDesc = "EXPECTED_START_TIME_DESC",
        /// By the next scheduled beginning.
        NextScheduledStartTimeAsc = "NEXT_SCHEDULED_START_TIME_ASC",
    }
}

/// What is asked of a collection.
///
/// Filters of related things narrow the answer too: task runs *of flow runs with a tag*. A filter alone is a query.
/// The server answers with 200 items at most; the others follow with [`offset`](Self::offset).
///
/// # Examples
///
/// ```
/// use context_client::schema::{FlowRunFilter, Query, StateType, TaskRunFilter};
///
/// let failed_at_night = Query::new()
///     .and(FlowRunFilter::new().tags_all(["nightly"]))
///     .and(TaskRunFilter::new().state_types([StateType::Failed, StateType::Crashed]))
///     .limit(50);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[must_use]
pub struct Query {
    #[serde(skip_serializing_if = "Option::is_none")]
    flows: Option<FlowFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_runs: Option<FlowRunFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_runs: Option<TaskRunFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployments: Option<DeploymentFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    work_pools: Option<WorkPoolFilter>,
    #[serde(rename = "work_pool_queues", skip_serializing_if = "Option::is_none")]
    work_queues: Option<WorkQueueFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifacts: Option<ArtifactFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<LogFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<VariableFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    automations: Option<AutomationFilter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<Sort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
}

impl Query {
    /// Everything there is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what fits the filters of `other` too. Where both filter the same things, those of `other` hold.
    pub fn and(self, other: impl Into<Self>) -> Self {
        let other = other.into();
        Self {
            flows: other.flows.or(self.flows),
            flow_runs: other.flow_runs.or(self.flow_runs),
            task_runs: other.task_runs.or(self.task_runs),
            deployments: other.deployments.or(self.deployments),
            work_pools: other.work_pools.or(self.work_pools),
            work_queues: other.work_queues.or(self.work_queues),
            artifacts: other.artifacts.or(self.artifacts),
            logs: other.logs.or(self.logs),
            variables: other.variables.or(self.variables),
            automations: other.automations.or(self.automations),
            sort: other.sort.or(self.sort),
            limit: other.limit.or(self.limit),
            offset: other.offset.or(self.offset),
        }
    }

    /// In this order.
    pub fn sort(mut self, sort: Sort) -> Self {
        self.sort = Some(sort);
        self
    }

    /// So many items at most. The server refuses more than 200.
    pub const fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Without the first `offset` items.
    pub const fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }
}

impl From<&Self> for Query {
    fn from(query: &Self) -> Self {
        query.clone()
    }
}

macro_rules! filters {
    ($($filter:ident => $field:ident,)+) => {$(
        impl From<$filter> for Query {
            fn from(filter: $filter) -> Self {
                Self { $field: Some(filter), ..Self::default() }
            }
        }

        impl From<&$filter> for Query {
            fn from(filter: &$filter) -> Self {
                Self::from(filter.clone())
            }
        }
    )+};
}

filters! {
    FlowFilter => flows,
    FlowRunFilter => flow_runs,
    TaskRunFilter => task_runs,
    DeploymentFilter => deployments,
    WorkPoolFilter => work_pools,
    WorkQueueFilter => work_queues,
    ArtifactFilter => artifacts,
    LogFilter => logs,
    VariableFilter => variables,
    AutomationFilter => automations,
}
