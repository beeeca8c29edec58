//! What is noted of a run that has made or read assets.

use super::Run;
use super::target::Target;
use crate::context::{AssetContext, TaskDetails};
use crate::lineage::{self, FlowOfRun, LineageOutcome, LineageRun};
use crate::state::State;

impl Run {
    /// Sees to it that the end of the run is seen, if the attempt whose frame is in place has to do with assets.
    #[inline(always)]
    pub(super) fn look_for_assets(&mut self) {
        if let Target::Task(task) = &self.target
            && let Some(TaskDetails { assets: Some(_), .. }) = task.details.as_deref()
        {
            self.watch_end();
        }
    }

    #[cold]
    fn watch_end(&mut self) {
        // Of those that are reported as one, the one is watched.
        if !self.is_reported_as_another() {
            self.unseen = false;
            self.told = true;
        }
    }

    /// Takes note of what the run, which has ended in `state`, has made and read.
    #[inline]
    pub(super) fn note_lineage(&self, state: &State) {
        if let Some(assets) = self.assets()
            && !self.is_reported_as_another()
        {
            self.note_assets(assets, state);
        }
    }

    #[cold]
    fn note_assets(&self, assets: &AssetContext, state: &State) {
        let (reads, makes) = (assets.read_assets(), assets.downstream_assets().to_vec());
        let flow = self.frame().and_then(|frame| frame.flow());
        // Outside a flow run there is nobody to ask for it.
        let (Target::Task(task), Some(flow)) = (&self.target, flow) else { return };
        let Some(task_run_id) = task.id.filter(|_| !reads.is_empty() || !makes.is_empty()) else {
            return;
        };
        let outer = flow.data().outer_flow_run_ids.clone();
        let run = LineageRun {
            task_run_id,
            flow_run_id: flow.id(),
            name: self.task_run_name(task, task_run_id).to_string(),
            task_name: task.options().task_name(task.definition).to_owned(),
            flow_name: flow.flow_name(),
            flow_run_name: flow.name().to_owned(),
            outcome: LineageOutcome::of(state),
            start_time: task.start_time,
            end_time: state.timestamp(),
            materialized_by: assets.materialized_by().map(ToOwned::to_owned),
            reads,
            makes,
            metadata: assets.metadata(),
        };
        lineage::note(FlowOfRun { id: flow.id(), outer }, run);
    }
}
