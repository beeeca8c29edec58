//! The assets that a task declares: the same ones for every run, or made by each run.

use super::TaskOptions;
use crate::asset::{
    Asset, AssetTemplate, AssetTemplateError, IntoAsset, IntoAssetTemplate, asset_fn,
};
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

impl TaskOptions {
    /// The assets that each run makes: keys, templates of keys such as `"s3://lake/{day}/rows"`, or assets with
    /// properties.
    #[must_use]
    pub fn assets<A: IntoAssetTemplate>(mut self, assets: impl IntoIterator<Item = A>) -> Self {
        self.assets = self.declared("assets", assets);
        self
    }

    /// The assets that each run reads without getting them as arguments.
    #[must_use]
    pub fn asset_deps<A: IntoAssetTemplate>(mut self, assets: impl IntoIterator<Item = A>) -> Self {
        self.asset_deps = self.declared("asset_deps", assets);
        self
    }

    /// Adds an asset to those that each run makes.
    #[must_use]
    pub fn asset(mut self, asset: impl IntoAssetTemplate) -> Self {
        let declared = self.declared("assets", [asset]);
        self.assets.append(declared);
        self
    }

    /// Adds an asset that each run makes, and whose key or properties depend on its parameters.
    #[must_use]
    pub fn asset_with<F, A>(self, make: F) -> Self
    where
        F: Fn(&Parameters) -> A + Send + Sync + 'static,
        A: IntoAsset,
    {
        self.asset(asset_fn(make))
    }

    /// Adds an asset to those that each run reads without getting them as arguments.
    #[must_use]
    pub fn asset_dep(mut self, asset: impl IntoAssetTemplate) -> Self {
        let declared = self.declared("asset_deps", [asset]);
        self.asset_deps.append(declared);
        self
    }

    /// Adds an asset that each run reads, and whose key depends on its parameters.
    #[must_use]
    pub fn asset_dep_with<F, A>(self, make: F) -> Self
    where
        F: Fn(&Parameters) -> A + Send + Sync + 'static,
        A: IntoAsset,
    {
        self.asset_dep(asset_fn(make))
    }

    fn declared<A: IntoAssetTemplate>(
        &mut self,
        option: &'static str,
        assets: impl IntoIterator<Item = A>,
    ) -> Declared {
        self.demand();
        let templates = assets.into_iter().map(IntoAssetTemplate::into_asset_template);
        Declared::new(templates, |error| {
            self.reject(option, format!("has a bad key: {error}"));
        })
    }

    /// True if the task makes assets, or says which it reads.
    pub(crate) const fn declares_assets(&self) -> bool {
        !self.assets.is_empty() || !self.asset_deps.is_empty()
    }

    /// True if the keys of its assets are made by each run.
    pub(crate) const fn has_asset_templates(&self) -> bool {
        self.assets.depends_on_parameters() || self.asset_deps.depends_on_parameters()
    }

    /// The assets that every run makes; none if their keys are made by each run.
    pub(crate) fn made_assets(&self) -> &[Asset] {
        self.assets.fixed()
    }

    /// The assets that every run reads; none if their keys are made by each run.
    pub(crate) fn read_assets(&self) -> &[Asset] {
        self.asset_deps.fixed()
    }

    /// The assets of a run with these parameters.
    ///
    /// # Errors
    ///
    /// The first declaration that gives no asset, as it was written, and why.
    pub(crate) fn fill_in_assets(
        &self,
        parameters: &Parameters,
    ) -> Result<RunAssets, (String, AssetTemplateError)> {
        let made = self.assets.fill_in(parameters)?;
        let read = self.asset_deps.fill_in(parameters)?;
        Ok(RunAssets { made, read })
    }
}
