//! The graph of a flow run: what ran, and what depended on what.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{StateType, null_as_default, open_enum::open_enum};

open_enum! {
    /// What a node of the graph is.
    pub enum NodeKind {
        /// A flow run.
        FlowRun = "flow-run",
        /// A task run.
        TaskRun = "task-run",
    }
}

/// The graph of a flow run. Only runs that have begun are in it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Graph {
    /// When the flow run began.
    #[serde(default)]
    pub start_time: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub end_time: Option<Timestamp>,
    /// The nodes that depend on no other.
    #[serde(default, deserialize_with = "null_as_default")]
    pub root_node_ids: Vec<Uuid>,
    /// All nodes with their ids, by the time they began.
    #[serde(default, deserialize_with = "null_as_default")]
    pub nodes: Vec<(Uuid, GraphNode)>,
    /// The artifacts of the flow run itself.
    #[serde(default, deserialize_with = "null_as_default")]
    pub artifacts: Vec<GraphArtifact>,
    /// The states of the flow run.
    #[serde(default, deserialize_with = "null_as_default")]
    pub states: Vec<GraphState>,
}

/// A run in the graph.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct GraphNode {
    /// What it is.
    pub kind: NodeKind,
    /// Its id: of the flow run, also where a task run stands for it.
    pub id: Uuid,
    /// Its name.
    pub label: String,
    /// The type of its state.
    pub state_type: StateType,
    /// When it began.
    pub start_time: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub end_time: Option<Timestamp>,
    /// What it depended on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub parents: Vec<GraphEdge>,
    /// What depended on it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub children: Vec<GraphEdge>,
    /// In which runs it was called.
    #[serde(default, deserialize_with = "null_as_default")]
    pub encapsulating: Vec<GraphEdge>,
    /// Its artifacts.
    #[serde(default, deserialize_with = "null_as_default")]
    pub artifacts: Vec<GraphArtifact>,
}

/// An end of an edge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct GraphEdge {
    /// The node.
    pub id: Uuid,
}

/// An artifact in the graph.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct GraphArtifact {
    /// Its id.
    pub id: Uuid,
    /// When it was created.
    pub created: Timestamp,
    /// Under which key its versions are kept.
    #[serde(default)]
    pub key: Option<String>,
    /// How it is shown.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Whether it is the last version.
    #[serde(default)]
    pub is_latest: bool,
    /// The number of a `progress`; `None` for others.
    #[serde(default)]
    pub data: Option<Value>,
}

/// A state in the graph.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct GraphState {
    /// Its id.
    pub id: Uuid,
    /// Since when.
    pub timestamp: Timestamp,
    /// Its type.
    #[serde(rename = "type")]
    pub state_type: StateType,
    /// Its name.
    pub name: String,
}
