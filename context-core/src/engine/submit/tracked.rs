//! Direct calls whose value knows its run.

use crate::engine::body::TaskFn;
use crate::engine::run::Run;
use crate::state::RunError;

/// What the call gives of a run that has ended.
pub(super) fn tracked<H: TaskFn<Args>, Args>(
    run: &mut Run,
    ended: Result<H::Output, RunError>,
) -> H::Tracked {
    let output = ended.unwrap_or_else(|error| (H::glue().raise)(error));
    H::track(output, run.task_run_id().expect("a run gets its id when it is created"))
}
