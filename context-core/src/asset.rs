//! Assets: the things that tasks produce and depend on, named by URI-like keys.
//!
//! An [`Asset`] is its key: two assets with one key are the same asset, whatever their properties
//! say, so a set holds at most one of them. (Prefect compares the properties too and then reports
//! an asset twice.) A key is checked when the asset is made, hence every asset can be sent to the
//! server.
//!
//! What a task declares is an [`AssetTemplate`]: an asset, or how each run makes its key of its parameters.
//!
//! This module does not know which task materializes an asset.

mod key;
mod template;

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use key::{AssetKey, AssetKeyError};
pub use template::{AssetTemplate, AssetTemplateError, IntoAssetTemplate, asset, asset_fn};

/// Something that a task materializes or depends on.
///
/// # Examples
///
/// ```
/// use context_core::asset::Asset;
///
/// let rows = Asset::new("s3://lake/rows.parquet")?
///     .with_name("Rows")
///     .with_owners(["data@example.com"]);
/// assert_eq!(rows.key(), "s3://lake/rows.parquet");
/// assert_eq!(rows, Asset::new("s3://lake/rows.parquet")?);
/// # Ok::<(), context_core::asset::AssetKeyError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asset {
    key: AssetKey,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "shared_properties")]
    properties: Option<Arc<AssetProperties>>,
}

/// What people want to know about an [`Asset`]. Everything is optional.
///
/// Empty texts and lists count as given; they are shown, and sent to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedProperties")]
pub struct AssetProperties {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    // Invariant: at most `LONGEST_DESCRIPTION` characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owners: Option<Vec<String>>,
}

/// A description has more characters than the server stores.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "description has {len} characters, but at most {} are allowed",
    AssetProperties::LONGEST_DESCRIPTION
)]
pub struct DescriptionTooLong {
    len: usize,
}

impl AssetProperties {
    /// The most characters a description may have.
    pub const LONGEST_DESCRIPTION: usize = 2500;

    /// The name that people see.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where people can look at the asset.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// What the asset is.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Who answers for it.
    pub fn owners(&self) -> Option<&[String]> {
        self.owners.as_deref()
    }
}

fn check_description(text: &str) -> Result<(), DescriptionTooLong> {
    match text.chars().count() {
        0..=AssetProperties::LONGEST_DESCRIPTION => Ok(()),
        len => Err(DescriptionTooLong { len }),
    }
}

/// Properties as they are read, before the check.
#[derive(Deserialize)]
#[serde(rename = "AssetProperties")]
struct UncheckedProperties {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    owners: Option<Vec<String>>,
}

impl TryFrom<UncheckedProperties> for AssetProperties {
    type Error = DescriptionTooLong;

    fn try_from(unchecked: UncheckedProperties) -> Result<Self, DescriptionTooLong> {
        let UncheckedProperties { name, url, description, owners } = unchecked;
        description.as_deref().map_or(Ok(()), check_description)?;
        Ok(Self { name, url, description, owners })
    }
}

/// Serde for shared properties, without serde's feature for all shared values.
mod shared_properties {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::AssetProperties;

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(
        properties: &Option<Arc<AssetProperties>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        properties.as_deref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<AssetProperties>>, D::Error> {
        Ok(Option::<AssetProperties>::deserialize(deserializer)?.map(Arc::new))
    }
}

impl Asset {
    /// The asset with this key, without properties.
    ///
    /// # Errors
    ///
    /// Returns an error if `key` is not an [`AssetKey`]. The server would refuse it too, but only
    /// after the task has run.
    pub fn new(key: impl AsRef<str>) -> Result<Self, AssetKeyError> {
        AssetKey::new(key.as_ref()).map(Self::from)
    }

    /// The key that identifies the asset.
    pub fn key(&self) -> &str {
        self.key.as_str()
    }

    /// The properties, if any was given.
    pub fn properties(&self) -> Option<&AssetProperties> {
        self.properties.as_deref()
    }

    /// This asset under a name that people see.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        self.change(|properties| properties.name = Some(name.into()))
    }

    /// This asset with a link to where people can look at it.
    #[must_use]
    pub fn with_url(self, url: impl Into<String>) -> Self {
        self.change(|properties| properties.url = Some(url.into()))
    }

    /// This asset with a description.
    ///
    /// # Errors
    ///
    /// Returns an error if `description` has more than
    /// [`LONGEST_DESCRIPTION`](AssetProperties::LONGEST_DESCRIPTION) characters.
    pub fn with_description(
        self,
        description: impl Into<String>,
    ) -> Result<Self, DescriptionTooLong> {
        let description = description.into();
        check_description(&description)?;
        Ok(self.change(|properties| properties.description = Some(description)))
    }

    /// This asset with the people or teams who answer for it, in place of those named before.
    #[must_use]
    pub fn with_owners<T: Into<String>>(self, owners: impl IntoIterator<Item = T>) -> Self {
        let owners = owners.into_iter().map(Into::into).collect();
        self.change(|properties| properties.owners = Some(owners))
    }

    fn change(mut self, change: impl FnOnce(&mut AssetProperties)) -> Self {
        change(Arc::make_mut(self.properties.get_or_insert_default()));
        self
    }

    /// The labels of the asset as the resource of an event: its key, and what is known of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use context_core::asset::Asset;
    ///
    /// let asset = Asset::new("s3://lake/rows")?.with_owners(["ann", "bob"]);
    /// assert_eq!(asset.as_resource(), [
    ///     ("prefect.resource.id".to_owned(), "s3://lake/rows".to_owned()),
    ///     ("prefect.asset.owners".to_owned(), r#"["ann", "bob"]"#.to_owned()),
    /// ]);
    /// # Ok::<(), context_core::asset::AssetKeyError>(())
    /// ```
    pub fn as_resource(&self) -> Vec<(String, String)> {
        let mut labels = vec![label("prefect.resource.id", self.key())];
        if let Some(properties) = self.properties() {
            labels.extend(properties.name().map(|text| label("prefect.resource.name", text)));
            labels.extend(
                properties.description().map(|text| label("prefect.asset.description", text)),
            );
            labels.extend(properties.url().map(|text| label("prefect.asset.url", text)));
            labels.extend(
                properties.owners().map(|list| label("prefect.asset.owners", owners_text(list))),
            );
        }
        labels
    }

    /// The labels of the asset as a related resource of another asset's event.
    pub fn as_related(&self) -> Vec<(String, String)> {
        vec![label("prefect.resource.id", self.key()), label("prefect.resource.role", "asset")]
    }
}

fn label(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// A JSON list as Python writes it: a space after each comma, nothing but ASCII. The server keeps
/// the text as it is, so both languages must write the same.
fn owners_text(owners: &[String]) -> String {
    use fmt::Write as _;

    let mut text = String::from("[");
    for (index, owner) in owners.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        let quoted = serde_json::Value::from(owner.as_str()).to_string();
        for character in quoted.chars() {
            if matches!(character, ' '..='~') {
                text.push(character);
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}").expect("writing to a string cannot fail");
                }
            }
        }
    }
    text.push(']');
    text
}

impl From<AssetKey> for Asset {
    fn from(key: AssetKey) -> Self {
        Self { key, properties: None }
    }
}

impl fmt::Display for Asset {
    /// The key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

impl PartialEq for Asset {
    /// Compares the keys only.
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Asset {}

impl PartialOrd for Asset {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Asset {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl Hash for Asset {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl Borrow<str> for Asset {
    fn borrow(&self) -> &str {
        self.key.as_str()
    }
}

/// What names an asset: a text that is its key, an [`AssetKey`], or an [`Asset`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name an asset",
    label = "expected a key such as \"s3://bucket/object\", or an `Asset`"
)]
pub trait IntoAsset {
    /// The asset.
    ///
    /// # Errors
    ///
    /// Returns an error if a text is not a valid key.
    fn into_asset(self) -> Result<Asset, AssetKeyError>;
}

macro_rules! into_asset {
    ($($name:ty => |$value:ident| $asset:expr;)*) => {$(
        impl IntoAsset for $name {
            fn into_asset(self) -> Result<Asset, AssetKeyError> {
                let $value = self;
                $asset
            }
        }
    )*};
}

into_asset! {
    Asset => |asset| Ok(asset);
    &Asset => |asset| Ok(asset.clone());
    AssetKey => |key| Ok(key.into());
    &AssetKey => |key| Ok(key.clone().into());
    &str => |key| Asset::new(key);
    &&str => |key| Asset::new(key);
    String => |key| Asset::new(key);
    &String => |key| Asset::new(key);
    Cow<'_, str> => |key| Asset::new(key);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn asset() -> Asset {
        Asset::new("s3://a/b").unwrap()
    }

    #[test]
    fn an_asset_is_its_key() {
        let named = asset().with_name("B");
        assert_eq!(HashSet::from([asset(), named.clone()]).len(), 1);
        assert_eq!(named.to_string(), "s3://a/b");
        assert_eq!(named.properties().unwrap().name(), Some("B"));
        assert!(HashSet::from([named]).contains("s3://a/b"));
    }

    #[test]
    fn a_changed_copy_leaves_the_original_alone() {
        let first = asset().with_name("first");
        let second = first.clone().with_name("second");
        assert_eq!(first.properties().unwrap().name(), Some("first"));
        assert_eq!(second.properties().unwrap().name(), Some("second"));
    }

    #[test]
    fn the_resource_has_every_property_that_is_given() {
        let full = asset()
            .with_name("")
            .with_url("https://x.y")
            .with_description("d")
            .unwrap()
            .with_owners(["a", "J\"ö😀\n"]);
        let labels: Vec<_> = full.as_resource();
        let expected = [
            ("prefect.resource.id", "s3://a/b"),
            ("prefect.resource.name", ""),
            ("prefect.asset.description", "d"),
            ("prefect.asset.url", "https://x.y"),
            ("prefect.asset.owners", r#"["a", "J\"\u00f6\ud83d\ude00\n"]"#),
        ];
        assert!(labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected), "{labels:?}");
        assert_eq!(asset().with_owners(Vec::<String>::new()).as_resource()[1].1, "[]");
        assert_eq!(asset().as_related()[1].1, "asset");
    }

    #[test]
    fn descriptions_are_counted_in_characters() {
        assert!(asset().with_description("é".repeat(2500)).is_ok());
        let err = asset().with_description("é".repeat(2501)).unwrap_err();
        assert_eq!(
            err.to_string(),
            "description has 2501 characters, but at most 2500 are allowed"
        );
    }

    #[test]
    fn serialized_assets_have_only_what_is_given() {
        assert_eq!(serde_json::to_string(&asset()).unwrap(), r#"{"key":"s3://a/b"}"#);
        let json = r#"{"key":"s3://a/b","properties":{"name":"B"}}"#;
        let read: Asset = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert!(serde_json::from_str::<Asset>(r#"{"key":"nope"}"#).is_err());
        let long =
            format!(r#"{{"key":"s3://a","properties":{{"description":"{}"}}}}"#, "d".repeat(2501));
        assert!(serde_json::from_str::<Asset>(&long).unwrap_err().to_string().contains("2501"));
    }

    #[test]
    fn everything_that_names_an_asset() {
        let named = asset().with_name("B");
        assert_eq!("s3://a/b".into_asset(), Ok(asset()));
        assert_eq!(String::from("s3://a/b").into_asset(), Ok(asset()));
        assert_eq!(AssetKey::new(named.key()).unwrap().into_asset(), Ok(asset()));
        assert_eq!((&named).into_asset().unwrap().properties(), named.properties());
        assert!("b".into_asset().is_err());
    }

    proptest! {
        #[test]
        fn owners_are_ascii_json(owners in proptest::collection::vec(any::<String>(), 0..4)) {
            let text = owners_text(&owners);
            prop_assert!(text.is_ascii());
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), owners);
        }
    }
}
