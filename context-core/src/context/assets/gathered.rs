//! The assets of several runs, for the run that is reported in their place.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::{AssetContext, AssetData};
use crate::asset::Asset;
use crate::id::TaskRunId;
use crate::state::State;

/// What several runs of one task have read and made, for the run that is reported in their place.
#[derive(Debug, Default)]
pub(crate) struct GatheredAssets {
    gathered: AssetData,
    upstream: Places,
    direct: Places,
    downstream: Places,
}

/// Where each asset of a list is: there may be many.
#[derive(Debug, Default)]
struct Places(HashMap<Asset, usize>);

impl Places {
    /// Adds `more` to `all`, one for each key; the last definition of a key wins.
    fn merge(&mut self, all: &mut Vec<Asset>, more: &[Asset]) {
        for asset in more {
            match self.0.get(asset) {
                Some(&place) => all[place] = asset.clone(),
                None => {
                    self.0.insert(asset.clone(), all.len());
                    all.push(asset.clone());
                }
            }
        }
    }
}

impl GatheredAssets {
    /// Adds those of a run that has ended in `state`, if there is anything to tell of them.
    pub(crate) fn add(&mut self, assets: &AssetContext, state: &State) {
        if assets.event(state).is_none() {
            return;
        }
        let one = &*assets.0;
        let all = &mut self.gathered;
        self.upstream.merge(&mut all.upstream_assets, &one.upstream_assets);
        self.direct.merge(&mut all.direct_asset_dependencies, &one.direct_asset_dependencies);
        self.downstream.merge(&mut all.downstream_assets, &one.downstream_assets);
        if all.materialized_by.is_none() {
            all.materialized_by.clone_from(&one.materialized_by);
        }
        let metadata = one.materialization_metadata.lock().unwrap_or_else(PoisonError::into_inner);
        let all = all.materialization_metadata.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (key, metadata) in &*metadata {
            all.entry(key.clone()).or_default().extend(metadata.clone());
        }
    }

    /// The context of the run that stands for the others; `None` if there is nothing to tell.
    pub(crate) fn into_context(self, id: TaskRunId) -> Option<AssetContext> {
        let gathered = AssetData { task_run_id: Some(id), ..self.gathered };
        (!gathered.downstream_assets.is_empty()).then(|| AssetContext(Arc::new(gathered)))
    }
}
