//! `reported_as_one()`: mapping with one run for recorders.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::WithOptions;
use crate::context::{ContextModel, FlowRunContext};
use crate::engine::body::TaskFn;
use crate::engine::futures::TaskFutures;
use crate::engine::group::{Group, Unsubmitted};
use crate::engine::input::Upstream;
use crate::engine::submit::{ArgumentList, IntoMapInputs, Prepared};
use crate::id::TaskRunId;
use crate::record::TaskInputs;

/// A task whose runs of one `map` are reported as one task run, for tens of thousands of elements; made by
/// `parse::with_options().reported_as_one()`.
///
/// The elements are runs as always: with futures, retries, timeouts, caching, hooks, and ids of their own, which
/// `current_run!()` shows. Only recorders, and so a server, do not know them. They are told of one task run:
///
/// - It is named as others are, or by a `task_run_name` without fields. Its inputs are those of all elements, and its one
///   parameter is `elements`, their number.
/// - It is `Pending` when the runs are submitted and `Running` from the first begin of an element on. When all have
///   ended it is `Completed` if all have completed; else `Crashed`, `Cancelled` or `Failed`, with their numbers and what
///   the first of them said; or `NotReady`, if the inputs of none were there.
/// - [Progress](crate::record::ProgressEvent) is told on the way.
/// - It stands for the elements wherever others refer to them: in the inputs of a run that is given an element's future,
///   and as the one that has called the runs below an element, which are reported as always.
/// - What elements of a `#[materialize]` task have made is told once, at its end.
///
/// In the log, an element that completes is a line of level DEBUG; any other end is a line as always.
#[must_use = "nothing runs until the task is mapped"]
pub struct ReportedAsOne<H, Args>(pub(super) WithOptions<H, Args>);

impl<H: TaskFn<Args>, Args: ArgumentList> ReportedAsOne<H, Args> {
    /// Submits it for each element of a tuple of iterables, as one run for recorders.
    pub(super) fn map_with(self, inputs: impl IntoMapInputs<Args>) -> TaskFutures<H::Value> {
        let Self(WithOptions { options, wait_for, copy, .. }) = self;
        let definition = H::definition();
        let meta = definition.meta();
        let each = match inputs.into_map_inputs(meta.name, meta.parameters) {
            Ok(each) => each,
            Err(error) => return TaskFutures::failed(error),
        };
        let options = options.map(Arc::new);
        // Outside a flow each future says what is missing.
        let group = (!each.is_empty() && FlowRunContext::get().is_some()).then(|| {
            let inputs = all_inputs::<Args>(&each, &wait_for, meta.parameters);
            Arc::new(Group::open(definition, options, inputs, each.len()))
        });
        let mut unsubmitted = group.as_deref().map(Unsubmitted::all);
        let submit = H::submitter().submit;
        let submit_next = |inputs| {
            if let Some(unsubmitted) = &mut unsubmitted {
                unsubmitted.one_less();
            }
            // The options are the group's.
            let (wait_for, group) = (wait_for.clone(), group.clone());
            submit(Prepared { options: None, wait_for, inputs, copy, group })
        };
        each.into_iter().map(submit_next).collect()
    }
}

impl<H, Args> fmt::Debug for ReportedAsOne<H, Args> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReportedAsOne").field(&self.0).finish()
    }
}

/// Where the arguments of all runs come from.
fn all_inputs<Args: ArgumentList>(
    each: &[Args::Inputs],
    wait_for: &[Arc<dyn Upstream>],
    names: &[&'static str],
) -> TaskInputs {
    let mut sources = Vec::new();
    sources.resize_with(names.len(), Sources::default);
    for inputs in each {
        Args::upstreams(inputs, &mut |index, runs| {
            if let Some(sources) = sources.get_mut(index) {
                sources.add(runs);
            }
        });
    }
    let mut waited = Sources::default();
    waited.add(wait_for);
    let mut inputs = TaskInputs::new();
    for (name, Sources { runs, .. }) in names.iter().zip(sources) {
        inputs.add(name, runs);
    }
    inputs.add(TaskInputs::WAIT_FOR, waited.runs);
    inputs
}

/// The runs that something comes from, as recorders know them, each once.
#[derive(Default)]
struct Sources {
    runs: Vec<TaskRunId>,
    known: HashSet<TaskRunId>,
}

impl Sources {
    fn add(&mut self, runs: &[Arc<dyn Upstream>]) {
        for run in runs {
            let id = run.reported_as().unwrap_or_else(|| run.task_run_id());
            if self.runs.last() != Some(&id) && self.known.insert(id) {
                self.runs.push(id);
            }
        }
    }
}
