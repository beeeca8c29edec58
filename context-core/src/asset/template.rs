//! Assets whose keys are made by each run from its parameters.
//!
//! A key cannot contain braces, so a text with braces is a template: `"s3://lake/{day}/rows.parquet"`. Its fields are
//! those of run names. What is wrong with a template for every run is found when the task is defined, the rest when a
//! run fills it in, before its function is called.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::{Asset, AssetKey, AssetKeyError, AssetProperties, DescriptionTooLong, IntoAsset};
use crate::names::{RunNameTemplate, TemplateError};
use crate::parameters::Parameters;

/// How much of a key is shown in a message, in characters.
const SHOWN: usize = 80;

/// An asset as a task declares it: a key, a template of one, or a function that makes it; and properties.
///
/// Made by [`asset`] and [`asset_fn`], and out of everything that [names an asset](IntoAsset).
///
/// # Examples
///
/// ```
/// use context_core::asset::asset;
/// use context_core::parameters::Parameters;
///
/// let rows = asset("s3://lake/{day}/rows.parquet").with_name("Rows");
/// let monday = Parameters::from_iter([("day", "monday".into())]);
/// let made = rows.fill_in(&monday)?;
/// assert_eq!(made.key(), "s3://lake/monday/rows.parquet");
/// assert_eq!(made.properties().and_then(|properties| properties.name()), Some("Rows"));
///
/// let spaced = Parameters::from_iter([("day", "the 1st".into())]);
/// assert_eq!(
///     rows.fill_in(&spaced).unwrap_err().to_string(),
///     "it gives \"s3://lake/the 1st/rows.parquet\", and an asset key contains ' ', which is not allowed",
/// );
/// # Ok::<(), context_core::asset::AssetTemplateError>(())
/// ```
#[derive(Clone)]
#[must_use = "it declares an asset where it is given to a task"]
pub struct AssetTemplate {
    key: Key,
    properties: Option<Arc<AssetProperties>>,
    too_long: Option<DescriptionTooLong>,
}

#[derive(Clone)]
enum Key {
    /// As it was written.
    Text(Cow<'static, str>),
    /// An asset that is there.
    Fixed(AssetKey),
    Function(Arc<Make>),
}

type Make = dyn Fn(&Parameters) -> Result<Asset, AssetKeyError> + Send + Sync;

/// Why a run has no asset where its task declares one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AssetTemplateError {
    /// The text is not a template, or does not fit the parameters.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// What is written is no key, whatever the parameters are.
    #[error("{0}")]
    Key(AssetKeyError),
    /// What came of the parameters is no key.
    #[error("it gives {}, and an {source}", shown(.key))]
    FilledIn {
        /// What came of the parameters.
        key: String,
        /// The rule that it breaks.
        source: AssetKeyError,
    },
    /// A function made no asset of the parameters.
    #[error("the function gives no asset: {0}")]
    Function(AssetKeyError),
    /// A function panicked in a run.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// The description is longer than the server stores.
    #[error(transparent)]
    Description(#[from] DescriptionTooLong),
}

fn shown(key: &str) -> String {
    match key.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &key[..end]),
        None => format!("{key:?}"),
    }
}

/// Declares an asset by its key, or by a template of one whose fields are parameters of the task.
///
/// The key is checked where the declaration is used: by the attribute, by the first run, or by the run that fills it in.
///
/// # Examples
///
/// ```
/// use context_core::asset::asset;
///
/// let rows = asset("s3://lake/{day}/rows").with_name("Rows").with_owners(["data@example.com"]);
/// assert!(rows.depends_on_parameters());
/// assert_eq!(rows.to_string(), "s3://lake/{day}/rows");
/// ```
pub fn asset(key: impl Into<Cow<'static, str>>) -> AssetTemplate {
    AssetTemplate::of(Key::Text(key.into()))
}

/// Declares an asset by a function that makes it of the parameters, once in each run.
///
/// It gives whatever names an asset: a text, or an [`Asset`] with properties. Parameters are as they are recorded: JSON,
/// secrets masked.
///
/// # Examples
///
/// ```
/// use context_core::asset::asset_fn;
/// use context_core::parameters::Parameters;
///
/// let part = asset_fn(|parameters: &Parameters| {
///     let part = parameters.get("part").and_then(|part| part.as_u64()).unwrap_or(0);
///     format!("s3://lake/part-{part:04}")
/// });
/// let seventh = Parameters::from_iter([("part", 7.into())]);
/// assert_eq!(part.fill_in(&seventh)?.key(), "s3://lake/part-0007");
/// # Ok::<(), context_core::asset::AssetTemplateError>(())
/// ```
pub fn asset_fn<F, A>(make: F) -> AssetTemplate
where
    F: Fn(&Parameters) -> A + Send + Sync + 'static,
    A: IntoAsset,
{
    AssetTemplate::of(Key::Function(Arc::new(move |parameters| make(parameters).into_asset())))
}

impl AssetTemplate {
    const fn of(key: Key) -> Self {
        Self { key, properties: None, too_long: None }
    }

    /// The same under a name that people see.
    pub fn with_name(self, name: impl Into<String>) -> Self {
        self.change(|properties| properties.name = Some(name.into()))
    }

    /// The same with a link to where people can look at the asset.
    pub fn with_url(self, url: impl Into<String>) -> Self {
        self.change(|properties| properties.url = Some(url.into()))
    }

    /// The same with a description, of at most [`AssetProperties::LONGEST_DESCRIPTION`] characters; a longer one is
    /// reported where the declaration is used.
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        let description = description.into();
        self.too_long = super::check_description(&description).err();
        self.change(|properties| properties.description = Some(description))
    }

    /// The same with the people or teams who answer for it, in place of those named before.
    pub fn with_owners<T: Into<String>>(self, owners: impl IntoIterator<Item = T>) -> Self {
        let owners = owners.into_iter().map(Into::into).collect();
        self.change(|properties| properties.owners = Some(owners))
    }

    fn change(mut self, change: impl FnOnce(&mut AssetProperties)) -> Self {
        change(Arc::make_mut(self.properties.get_or_insert_default()));
        self
    }

    /// True if each run makes the key anew.
    pub fn depends_on_parameters(&self) -> bool {
        match &self.key {
            Key::Text(text) => text.contains(['{', '}']),
            Key::Fixed(_) => false,
            Key::Function(_) => true,
        }
    }

    /// Checks what can be checked without parameters.
    ///
    /// # Errors
    ///
    /// If the text is no key and no template, if no parameter can make a key of it, or if the description is too long.
    pub fn check(&self) -> Result<(), AssetTemplateError> {
        if let Some(too_long) = &self.too_long {
            return Err(too_long.clone().into());
        }
        let Key::Text(text) = &self.key else { return Ok(()) };
        if !self.depends_on_parameters() {
            return AssetKey::new(text).map(|_| ()).map_err(AssetTemplateError::Key);
        }
        let template = RunNameTemplate::new(text)?;
        // The shortest that could come of it. What begins with a field may be given a scheme by it.
        let least = template.with_fields("x");
        let skeleton = match text.find('{') {
            Some(brace) if !text[..brace].contains("://") => format!("x://{least}"),
            _ => least,
        };
        let problem = AssetKey::new(&skeleton).err();
        match problem {
            // Fields may be empty, and the scheme made up above is too much.
            Some(AssetKeyError::TooLong { .. }) | None => {
                let len = template.with_fields("").chars().count();
                let too_long = AssetKeyError::TooLong { len };
                if len > AssetKey::MAX_LEN {
                    Err(AssetTemplateError::Key(too_long))
                } else {
                    Ok(())
                }
            }
            Some(problem) => Err(AssetTemplateError::Key(problem)),
        }
    }

    /// The asset of a run with these parameters. A panic of a function is not caught.
    ///
    /// # Errors
    ///
    /// If the template does not fit the parameters, or what comes of them is no key.
    pub fn fill_in(&self, parameters: &Parameters) -> Result<Asset, AssetTemplateError> {
        if let Some(too_long) = &self.too_long {
            return Err(too_long.clone().into());
        }
        let mut asset = match &self.key {
            Key::Fixed(key) => key.clone().into(),
            Key::Function(make) => make(parameters).map_err(AssetTemplateError::Function)?,
            Key::Text(text) if !self.depends_on_parameters() => {
                Asset::new(text).map_err(AssetTemplateError::Key)?
            }
            Key::Text(text) => {
                let key = RunNameTemplate::new(text)?.render(parameters)?;
                Asset::new(&key).map_err(|source| AssetTemplateError::FilledIn { key, source })?
            }
        };
        if let Some(properties) = &self.properties {
            asset.properties = Some(properties.clone());
        }
        Ok(asset)
    }

    /// The asset, if it is the same in every run.
    pub(crate) fn fixed(&self) -> Option<Asset> {
        if self.depends_on_parameters() { None } else { self.fill_in(&Parameters::EMPTY).ok() }
    }
}

impl fmt::Display for AssetTemplate {
    /// The key or template, or `a function of the parameters`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Key::Text(text) => f.pad(text),
            Key::Fixed(key) => key.fmt(f),
            Key::Function(_) => f.pad("a function of the parameters"),
        }
    }
}

impl fmt::Debug for AssetTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssetTemplate")
            .field("key", &format_args!("{self}"))
            .field("properties", &self.properties)
            .finish_non_exhaustive()
    }
}

/// What declares an asset of a task: whatever [names one](IntoAsset), where a text with braces is a template, or an
/// [`AssetTemplate`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not declare an asset",
    label = "expected a key such as \"s3://bucket/object\", a template such as \"s3://bucket/{{day}}\", or an `Asset`",
    note = "write `asset(\"s3://bucket/{{day}}\").with_name(\"..\")` for properties, `asset_fn(|parameters: &Parameters| ..)` for a function"
)]
pub trait IntoAssetTemplate {
    /// The declaration.
    fn into_asset_template(self) -> AssetTemplate;
}

macro_rules! into_template {
    ($($name:ty => |$value:ident| $template:expr;)*) => {$(
        impl IntoAssetTemplate for $name {
            fn into_asset_template(self) -> AssetTemplate {
                let $value = self;
                $template
            }
        }
    )*};
}

into_template! {
    AssetTemplate => |template| template;
    &AssetTemplate => |template| template.clone();
    Asset => |asset| AssetTemplate { properties: asset.properties, ..AssetTemplate::of(Key::Fixed(asset.key)) };
    &Asset => |asset| asset.clone().into_asset_template();
    AssetKey => |key| AssetTemplate::of(Key::Fixed(key));
    &AssetKey => |key| AssetTemplate::of(Key::Fixed(key.clone()));
    &str => |key| asset(key.to_owned());
    &&str => |key| asset((*key).to_owned());
    String => |key| asset(key);
    &String => |key| asset(key.clone());
    Cow<'_, str> => |key| asset(key.into_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parameters() -> Parameters {
        Parameters::from_iter([
            ("day", json!("monday")),
            ("part", json!(7)),
            ("user", json!({ "name": "ann" })),
            ("odd", json!("a b")),
            ("scheme", json!("s3")),
            ("nothing", json!("")),
        ])
    }

    fn filled(text: &'static str) -> Result<String, AssetTemplateError> {
        asset(text).fill_in(&parameters()).map(|asset| asset.key().to_owned())
    }

    #[test]
    fn fields_are_those_of_run_names() {
        assert_eq!(filled("s3://lake/{day}/{part}").unwrap(), "s3://lake/monday/7");
        assert_eq!(filled("{scheme}://{user.name}").unwrap(), "s3://ann");
        assert_eq!(filled("s3://lake/rows").unwrap(), "s3://lake/rows");
    }

    #[test]
    fn what_comes_of_the_parameters_is_checked() {
        let error = filled("s3://lake/{odd}").unwrap_err();
        let AssetTemplateError::FilledIn { key, source } = &error else { panic!("{error}") };
        assert_eq!(key, "s3://lake/a b");
        assert_eq!(source, &AssetKeyError::ForbiddenCharacter { character: ' ' });
        assert!(matches!(
            filled("{nothing}://x"),
            Err(AssetTemplateError::FilledIn { source: AssetKeyError::MissingScheme { .. }, .. })
        ));
        assert!(matches!(filled("s3://{night}"), Err(AssetTemplateError::Template(_))));
        let long = Parameters::from_iter([("day", json!("d".repeat(600)))]);
        let error = asset("s3://{day}").fill_in(&long).unwrap_err().to_string();
        assert!(error.len() < 250 && error.ends_with("at most 512 are allowed"), "{error}");
    }

    #[test]
    fn what_no_parameter_can_mend_is_found_before_any_run() {
        let problem = |text: String| asset(text).check().unwrap_err().to_string();
        assert_eq!(
            problem("s3://a b/{day}".into()),
            "asset key contains ' ', which is not allowed"
        );
        assert_eq!(problem("S3://{day}".into()), problem("S3://x".into()));
        assert!(problem("s3://{{day}}".into()).contains("contains '{'"));
        assert!(problem("s3://{day".into()).contains("unbalanced"));
        assert!(problem(format!("s3://{}{{day}}", "k".repeat(508))).contains("513"));
        assert!(problem("no key".into()).contains("contains ' '"));
        for good in ["{bucket}/x", "{scheme}://x", "s3://{a}{b}", "s{version}://x"] {
            assert_eq!(asset(good).check(), Ok(()), "{good}");
        }
        assert!(problem(format!("{{bucket}}/{} ", "k")).contains("contains ' '"));
    }

    #[test]
    fn properties_go_with_every_key() {
        let described = asset("s3://{day}").with_description("d").with_url("https://x.y");
        let made = described.fill_in(&parameters()).unwrap();
        assert_eq!(made.properties().unwrap().url(), Some("https://x.y"));
        let long = asset("s3://x").with_description("d".repeat(2501));
        assert!(long.check().unwrap_err().to_string().contains("2501"));
        let named = Asset::new("s3://x").unwrap().with_name("X");
        let kept = (&named).into_asset_template().with_url("u").fill_in(&parameters()).unwrap();
        assert_eq!(kept.properties().unwrap().name(), Some("X"));
    }

    #[test]
    fn a_function_makes_an_asset_with_its_own_properties() {
        let made = asset_fn(|parameters: &Parameters| {
            Asset::new(format!("s3://{}", parameters.len())).unwrap().with_name("N")
        });
        let made = made.fill_in(&parameters()).unwrap();
        assert_eq!((made.key(), made.properties().unwrap().name()), ("s3://6", Some("N")));
        let error = asset_fn(|_: &Parameters| "x").fill_in(&parameters()).unwrap_err().to_string();
        assert!(error.starts_with("the function gives no asset: asset key \"x\""), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_and_no_parameter_panics(text in "[a-zA-Z0-9:/{}. é\n]{0,30}", value in any::<String>()) {
            let parameters = Parameters::from_iter([("a", value.into())]);
            let template = asset(text);
            let checked = template.check();
            match template.fill_in(&parameters) {
                // What some run can fill in was not refused before.
                Ok(asset) => {
                    prop_assert_eq!(checked, Ok(()));
                    prop_assert!(AssetKey::new(asset.key()).is_ok());
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
