//! Filters: which of the things of a collection.
//!
//! A filter is a JSON object that its methods fill in. What they do not offer is set with `with`, in the server's words.
//! All conditions of a filter must hold.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{JsonObject, StateType};

/// Sets `filter[key][operator]`.
fn set(filter: &mut JsonObject, key: &str, operator: &str, value: impl Serialize) {
    // What is given here are texts, numbers, ids and times, which are all values of JSON.
    let value = json!(value);
    let entry = filter.entry(key).or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    if let Some(condition) = entry.as_object_mut() {
        condition.insert(operator.to_owned(), value);
    }
}

fn listed<T, I: IntoIterator<Item = T>>(items: I) -> Vec<T> {
    items.into_iter().collect()
}

fn texts<I: IntoIterator>(items: I) -> Vec<String>
where
    I::Item: Into<String>,
{
    items.into_iter().map(Into::into).collect()
}

/// Defines a filter, with the groups of conditions that it has.
macro_rules! filter {
    ($(#[$doc:meta])* $name:ident { $($group:ident)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        #[serde(transparent)]
        #[must_use]
        pub struct $name(JsonObject);

        impl $name {
            /// Everything.
            pub fn new() -> Self {
                Self::default()
            }

            /// With any condition of the server's, such as `("name", json!({"like_": "load"}))`. It replaces
            /// what was set for the same key before.
            pub fn with(mut self, key: &str, condition: Value) -> Self {
                self.0.insert(key.to_owned(), condition);
                self
            }

            /// As it is sent.
            pub const fn as_json(&self) -> &JsonObject {
                &self.0
            }
        }

        $( filter!(@$group $name); )*
    };
    (@id $name:ident) => {
        impl $name {
            /// Those with one of these ids.
            pub fn ids(mut self, ids: impl IntoIterator<Item = Uuid>) -> Self {
                set(&mut self.0, "id", "any_", listed(ids));
                self
            }
        }
    };
    (@name $name:ident) => {
        impl $name {
            /// Those with one of these names.
            pub fn names<I: IntoIterator>(mut self, names: I) -> Self
            where
                I::Item: Into<String>,
            {
                set(&mut self.0, "name", "any_", texts(names));
                self
            }
        }
    };
    (@name_like $name:ident) => {
        impl $name {
            /// Those whose name contains `part`, whatever its case.
            pub fn name_like(mut self, part: &str) -> Self {
                set(&mut self.0, "name", "like_", part);
                self
            }
        }
    };
    (@tags $name:ident) => {
        impl $name {
            /// Those that have all these tags.
            pub fn tags_all<I: IntoIterator>(mut self, tags: I) -> Self
            where
                I::Item: Into<String>,
            {
                set(&mut self.0, "tags", "all_", texts(tags));
                self
            }
        }
    };
    (@tags_any $name:ident) => {
        impl $name {
            /// Those that have one of these tags.
            pub fn tags_any<I: IntoIterator>(mut self, tags: I) -> Self
            where
                I::Item: Into<String>,
            {
                set(&mut self.0, "tags", "any_", texts(tags));
                self
            }
        }
    };
    (@run $name:ident) => {
        impl $name {
            /// Those in a state of one of these types.
            pub fn state_types(mut self, types: impl IntoIterator<Item = StateType>) -> Self {
                set(&mut self.0, "state", "type", json!({ "any_": listed(types) }));
                self
            }

            /// Those in a state with one of these names.
            pub fn state_names<I: IntoIterator>(mut self, names: I) -> Self
            where
                I::Item: Into<String>,
            {
                set(&mut self.0, "state", "name", json!({ "any_": texts(names) }));
                self
            }

            /// Those that began at `since` or later. What has not begun counts as beginning when it is expected to.
            pub fn started_since(mut self, since: Timestamp) -> Self {
                set(&mut self.0, "start_time", "after_", since);
                self
            }

            /// Those that began at `until` or before. What has not begun counts as beginning when it is expected to.
            pub fn started_until(mut self, until: Timestamp) -> Self {
                set(&mut self.0, "start_time", "before_", until);
                self
            }

            /// Those that are expected to begin at `since` or later.
            pub fn expected_since(mut self, since: Timestamp) -> Self {
                set(&mut self.0, "expected_start_time", "after_", since);
                self
            }

            /// Those that are expected to begin at `until` or before.
            pub fn expected_until(mut self, until: Timestamp) -> Self {
                set(&mut self.0, "expected_start_time", "before_", until);
                self
            }
        }
    };
    (@of_runs $name:ident) => {
        impl $name {
            /// Those of one of these flow runs.
            pub fn flow_run_ids(mut self, ids: impl IntoIterator<Item = Uuid>) -> Self {
                set(&mut self.0, "flow_run_id", "any_", listed(ids));
                self
            }
        }
    };
    (@of_task_runs $name:ident) => {
        impl $name {
            /// Those of one of these task runs.
            pub fn task_run_ids(mut self, ids: impl IntoIterator<Item = Uuid>) -> Self {
                set(&mut self.0, "task_run_id", "any_", listed(ids));
                self
            }
        }
    };
}

filter! {
    /// Which flows.
    FlowFilter { id name name_like tags }
}
filter! {
    /// Which flow runs.
    FlowRunFilter { id name name_like tags tags_any run }
}
filter! {
    /// Which task runs.
    TaskRunFilter { id name name_like tags run of_runs }
}
filter! {
    /// Which deployments.
    DeploymentFilter { id name name_like tags tags_any }
}
filter! {
    /// Which work pools.
    WorkPoolFilter { id name }
}
filter! {
    /// Which work queues.
    WorkQueueFilter { id name }
}
filter! {
    /// Which artifacts.
    ArtifactFilter { id of_runs of_task_runs }
}
filter! {
    /// Which variables.
    VariableFilter { id name name_like tags }
}
filter! {
    /// Which automations.
    AutomationFilter { id name tags tags_any }
}
filter! {
    /// Which lines of the logs.
    LogFilter { of_runs of_task_runs }
}
filter! {
    /// Which events. Without a time, those of the last half year up to now.
    ///
    /// # Examples
    ///
    /// ```
    /// use context_client::schema::EventFilter;
    ///
    /// let cancellations = EventFilter::new()
    ///     .names(["prefect.flow-run.Cancelling"])
    ///     .resource_id_prefixes(["prefect.flow-run."]);
    /// ```
    EventFilter {}
}

impl FlowRunFilter {
    /// All but these.
    pub fn not_ids(mut self, ids: impl IntoIterator<Item = Uuid>) -> Self {
        set(&mut self.0, "id", "not_any_", listed(ids));
        self
    }

    /// Those of one of these deployments.
    pub fn deployment_ids(mut self, ids: impl IntoIterator<Item = Uuid>) -> Self {
        set(&mut self.0, "deployment_id", "any_", listed(ids));
        self
    }

    /// Those that a flow run called, for which one of these task runs stands.
    pub fn parent_task_run_ids(mut self, ids: impl IntoIterator<Item = Uuid>) -> Self {
        set(&mut self.0, "parent_task_run_id", "any_", listed(ids));
        self
    }

    /// Those that one of these flow runs called.
    pub fn parent_flow_run_ids(mut self, ids: impl IntoIterator<Item = Uuid>) -> Self {
        set(&mut self.0, "parent_flow_run_id", "any_", listed(ids));
        self
    }

    /// Those that were created with one of these keys.
    pub fn idempotency_keys<I: IntoIterator>(mut self, keys: I) -> Self
    where
        I::Item: Into<String>,
    {
        set(&mut self.0, "idempotency_key", "any_", texts(keys));
        self
    }
}

impl TaskRunFilter {
    /// Those that stand for a flow run, or those that do not.
    pub fn subflow_runs(mut self, stand_for_one: bool) -> Self {
        set(&mut self.0, "subflow_runs", "exists_", stand_for_one);
        self
    }
}

impl ArtifactFilter {
    /// Those with one of these keys.
    pub fn keys<I: IntoIterator>(mut self, keys: I) -> Self
    where
        I::Item: Into<String>,
    {
        set(&mut self.0, "key", "any_", texts(keys));
        self
    }

    /// Those of one of these types, such as `markdown`.
    pub fn types<I: IntoIterator>(mut self, types: I) -> Self
    where
        I::Item: Into<String>,
    {
        set(&mut self.0, "type", "any_", texts(types));
        self
    }
}

impl LogFilter {
    /// Those at least as grave: 10 debug, 20 info, 30 warning, 40 error, 50 critical.
    pub fn level_at_least(mut self, level: i32) -> Self {
        set(&mut self.0, "level", "ge_", level);
        self
    }

    /// Those at most as grave.
    pub fn level_at_most(mut self, level: i32) -> Self {
        set(&mut self.0, "level", "le_", level);
        self
    }

    /// Those from `since` on.
    pub fn since(mut self, since: Timestamp) -> Self {
        set(&mut self.0, "timestamp", "after_", since);
        self
    }

    /// Those up to `until`.
    pub fn until(mut self, until: Timestamp) -> Self {
        set(&mut self.0, "timestamp", "before_", until);
        self
    }
}

impl EventFilter {
    /// Those that occurred at `since` or later.
    pub fn since(mut self, since: Timestamp) -> Self {
        set(&mut self.0, "occurred", "since", since);
        self
    }

    /// Those that occurred at `until` or before. A subscription needs a time in the future.
    pub fn until(mut self, until: Timestamp) -> Self {
        set(&mut self.0, "occurred", "until", until);
        self
    }

    /// Those with one of these names, such as `prefect.flow-run.Cancelling`.
    pub fn names<I: IntoIterator>(mut self, names: I) -> Self
    where
        I::Item: Into<String>,
    {
        set(&mut self.0, "event", "name", texts(names));
        self
    }

    /// Those whose name begins with one of these texts.
    pub fn name_prefixes<I: IntoIterator>(mut self, prefixes: I) -> Self
    where
        I::Item: Into<String>,
    {
        set(&mut self.0, "event", "prefix", texts(prefixes));
        self
    }

    /// Those with one of these ids.
    pub fn ids(mut self, ids: impl IntoIterator<Item = Uuid>) -> Self {
        set(&mut self.0, "id", "id", listed(ids));
        self
    }

    /// Those about one of these resources.
    pub fn resource_ids<I: IntoIterator>(mut self, ids: I) -> Self
    where
        I::Item: Into<String>,
    {
        set(&mut self.0, "resource", "id", texts(ids));
        self
    }

    /// Those about resources whose id begins with one of these texts.
    pub fn resource_id_prefixes<I: IntoIterator>(mut self, prefixes: I) -> Self
    where
        I::Item: Into<String>,
    {
        set(&mut self.0, "resource", "id_prefix", texts(prefixes));
        self
    }

    /// Those to which one of these resources is related.
    pub fn related_ids<I: IntoIterator>(mut self, ids: I) -> Self
    where
        I::Item: Into<String>,
    {
        set(&mut self.0, "related", "id", texts(ids));
        self
    }

    /// The oldest first; without this, the newest.
    pub fn oldest_first(mut self) -> Self {
        self.0.insert("order".to_owned(), Value::from("ASC"));
        self
    }
}
