//! The assets that a task declares: the same ones for every run, or made by each run.

use crate::asset::{Asset, AssetTemplate, AssetTemplateError, IntoAssetTemplate};
use crate::parameters::Parameters;

/// The assets of one option.
#[derive(Clone, Debug)]
pub(super) enum Declared {
    /// The same for every run.
    Fixed(Vec<Asset>),
    /// At least one of them depends on parameters.
    PerRun(Vec<AssetTemplate>),
}

impl Default for Declared {
    fn default() -> Self {
        Self::Fixed(Vec::new())
    }
}

impl Declared {
    /// Checks the declarations; `reject` is told of those that no run could use.
    pub(super) fn new(
        templates: impl IntoIterator<Item = AssetTemplate>,
        mut reject: impl FnMut(AssetTemplateError),
    ) -> Self {
        let mut usable = Vec::new();
        for template in templates {
            match template.check() {
                Ok(()) => usable.push(template),
                Err(error) => reject(error),
            }
        }
        if usable.iter().any(AssetTemplate::depends_on_parameters) {
            return Self::PerRun(usable);
        }
        Self::Fixed(one_for_each_key(usable.iter().filter_map(AssetTemplate::fixed)))
    }

    /// Adds `more`; the last definition of a key wins.
    pub(super) fn append(&mut self, more: Self) {
        *self = match (std::mem::take(self), more) {
            (Self::Fixed(mut assets), Self::Fixed(more)) => {
                assets.extend(more);
                Self::Fixed(one_for_each_key(assets))
            }
            (all, more) => {
                Self::PerRun(all.into_templates().chain(more.into_templates()).collect())
            }
        };
    }

    fn into_templates(self) -> impl Iterator<Item = AssetTemplate> {
        let (fixed, templates) = match self {
            Self::Fixed(assets) => (assets, Vec::new()),
            Self::PerRun(templates) => (Vec::new(), templates),
        };
        fixed.into_iter().map(IntoAssetTemplate::into_asset_template).chain(templates)
    }

    pub(super) const fn is_empty(&self) -> bool {
        match self {
            Self::Fixed(assets) => assets.is_empty(),
            Self::PerRun(templates) => templates.is_empty(),
        }
    }

    /// Those that are the same for every run; none if any is not.
    pub(super) fn fixed(&self) -> &[Asset] {
        match self {
            Self::Fixed(assets) => assets,
            Self::PerRun(_) => &[],
        }
    }

    pub(super) const fn depends_on_parameters(&self) -> bool {
        matches!(self, Self::PerRun(_))
    }

    /// Those of a run with these parameters.
    ///
    /// # Errors
    ///
    /// The first declaration that gives no asset, as it was written, and why.
    pub(super) fn fill_in(
        &self,
        parameters: &Parameters,
    ) -> Result<Vec<Asset>, (String, AssetTemplateError)> {
        match self {
            Self::Fixed(assets) => Ok(assets.clone()),
            Self::PerRun(templates) => {
                let mut assets = Vec::with_capacity(templates.len());
                for template in templates {
                    let asset = template.fill_in(parameters);
                    assets.push(asset.map_err(|error| (template.to_string(), error))?);
                }
                Ok(one_for_each_key(assets))
            }
        }
    }
}

/// One key, one asset: the last definition wins.
fn one_for_each_key(assets: impl IntoIterator<Item = Asset>) -> Vec<Asset> {
    let mut unique: Vec<Asset> = Vec::new();
    for asset in assets {
        match unique.iter_mut().find(|known| **known == asset) {
            Some(known) => *known = asset,
            None => unique.push(asset),
        }
    }
    unique
}

/// The assets of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunAssets {
    pub(crate) made: Vec<Asset>,
    pub(crate) read: Vec<Asset>,
}
