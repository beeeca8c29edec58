//! Frames of what was in a snapshot.

use std::sync::Arc;

use super::{Core, Frame, LiveTask, TaskSlot};
use crate::context::{AssetContext, DeploymentContext, FlowRunContext, SettingsContext};
use crate::tags::{TagNode, Tags};

/// What a snapshot says; where it says nothing, what surrounds it stays.
pub(in crate::context) struct Hydrated {
    pub(in crate::context) flow: Option<FlowRunContext>,
    /// And whether it has called the flow run, instead of belonging to it.
    pub(in crate::context) task: Option<(LiveTask, bool)>,
    pub(in crate::context) tags: Option<Tags>,
    pub(in crate::context) settings: Option<SettingsContext>,
    pub(in crate::context) assets: Option<AssetContext>,
    pub(in crate::context) deployment: Option<DeploymentContext>,
    pub(in crate::context) traceparent: Option<Arc<str>>,
}

impl Frame {
    /// A frame like `current` with what `hydrated` says.
    pub(in crate::context) fn hydrated(
        current: Option<&Arc<Self>>,
        hydrated: Hydrated,
    ) -> Arc<Self> {
        let Hydrated { flow, task, tags, settings, assets, deployment, traceparent } = hydrated;
        let changed = Self::with_outer(current, |outer| {
            outer.settings = settings.or(outer.settings.take());
            outer.deployment = deployment.or(outer.deployment.take());
            outer.traceparent = traceparent.or(outer.traceparent.take());
            if let Some(flow) = flow {
                outer.flow = Some(flow);
                // As in `with_flow`.
                outer.assets = None;
            }
            outer.assets = assets.or(outer.assets.take());
        });
        let core = changed.core.clone().map(|core| match tags {
            None => core,
            Some(tags) => {
                let tags = Some(TagNode::push(core.tags.as_ref(), tags));
                Arc::new(Core { outer: core.outer.clone(), tags })
            }
        });
        match task {
            None => Arc::new(Self { core, task: TaskSlot::inherit(current) }),
            Some((task, false)) => Arc::new(Self { core, task: TaskSlot::Here(task) }),
            Some((task, true)) => {
                // Of no flow run that is known here, and so not of the innermost one.
                let caller = Arc::new(Self { core: None, task: TaskSlot::Here(task) });
                Arc::new(Self { core, task: TaskSlot::Via(caller) })
            }
        }
    }

    /// The trace that the code belongs to, if a snapshot has said so.
    pub(in crate::context) fn traceparent(&self) -> Option<&Arc<str>> {
        self.outer()?.traceparent.as_ref()
    }
}
