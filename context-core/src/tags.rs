//! Tags: the texts that runs are labelled with, and the chain of scopes that add them.
//!
//! There are three shapes, by the moment they are made for. [`Tags`] is what one scope adds: a
//! `&'static` slice when all are literals, so entering a scope copies a pointer. A [`TagNode`] is
//! one link of the ambient chain: what a scope adds and the scope around it. A [`TagSet`] is the
//! sorted union that a run records; it is computed when it is first read and remembered.
//!
//! Tags are compared by their text. Any text is a tag, the empty one included, as in Prefect.
//!
//! This module is a leaf. It does not know which scope is current.

mod list;
mod node;
mod set;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use list::{IntoTags, TagList};
pub use node::TagNode;
pub use set::TagSet;

/// One tag: a text that is cheap to clone.
///
/// # Examples
///
/// ```
/// use context_core::tags::Tag;
///
/// let owned: Tag = String::from("nightly").into();
/// assert_eq!(owned, Tag::literal("nightly"));
/// assert_eq!(owned.len(), 7);
/// ```
#[derive(Clone)]
pub struct Tag(Text);

#[derive(Clone)]
enum Text {
    Literal(&'static str),
    Shared(Arc<str>),
}

impl Tag {
    /// A tag that is known when the program is compiled. Costs nothing.
    pub const fn literal(text: &'static str) -> Self {
        Self(Text::Literal(text))
    }

    /// The text of the tag.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Literal(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl Deref for Tag {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl std::borrow::Borrow<str> for Tag {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Tag {}

impl PartialEq<str> for Tag {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Tag {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Tag {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Tag {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl From<&str> for Tag {
    /// Copies the text. For a text that lives for ever, [`Tag::literal`] does not.
    fn from(text: &str) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl From<String> for Tag {
    fn from(text: String) -> Self {
        Self(Text::Shared(text.into()))
    }
}

impl From<Arc<str>> for Tag {
    fn from(text: Arc<str>) -> Self {
        Self(Text::Shared(text))
    }
}

impl From<Cow<'_, str>> for Tag {
    fn from(text: Cow<'_, str>) -> Self {
        Self(Text::Shared(text.into()))
    }
}

/// What one scope adds: the argument of `tags!`.
///
/// Iterating gives texts; those of [`Tags::literal`] in the order they were written, all others
/// sorted and without duplicates.
///
/// # Examples
///
/// ```
/// use context_core::tags::Tags;
///
/// const NIGHTLY: Tags = Tags::literal(&["cpu", "nightly"]);
/// let region = String::from("eu");
/// let here = Tags::collect(|list| {
///     list.add(NIGHTLY);
///     list.add(format!("region:{region}"));
///     list.add(Some("cpu"));
/// });
/// assert!(here.iter().eq(["cpu", "nightly", "region:eu"]));
/// ```
#[derive(Clone, Default)]
pub struct Tags(Added);

#[derive(Clone)]
enum Added {
    Literal(&'static [&'static str]),
    Set(TagSet),
}

impl Default for Added {
    fn default() -> Self {
        Self::Literal(&[])
    }
}

impl Tags {
    /// No tags.
    pub const fn new() -> Self {
        Self::literal(&[])
    }

    /// Tags that are known when the program is compiled.
    ///
    /// The slice should be sorted and without duplicates, as `tags!` writes it; any other slice
    /// gives the same sets, a little slower.
    pub const fn literal(texts: &'static [&'static str]) -> Self {
        Self(Added::Literal(texts))
    }

    /// The tags that `fill` adds to the list, in any order.
    pub fn collect(fill: impl FnOnce(&mut TagList)) -> Self {
        let mut list = TagList::new();
        fill(&mut list);
        Self(Added::Set(list.into_set()))
    }

    /// Whether nothing is added.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Added::Literal(texts) => texts.is_empty(),
            Added::Set(set) => set.is_empty(),
        }
    }

    /// The texts.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (texts, set) = match &self.0 {
            Added::Literal(texts) => (*texts, &TagSet::EMPTY),
            Added::Set(set) => (&[][..], set),
        };
        texts.iter().copied().chain(set.iter().map(Tag::as_str))
    }

    /// The tags as a set.
    pub fn to_set(&self) -> TagSet {
        match &self.0 {
            Added::Literal(texts) => TagSet::from_literals(texts),
            Added::Set(set) => set.clone(),
        }
    }

    /// Adds the tags to `list` without copying texts.
    fn append_to(&self, list: &mut Vec<Tag>) {
        match &self.0 {
            Added::Literal(texts) => list.extend(texts.iter().copied().map(Tag::literal)),
            Added::Set(set) => list.extend(set.iter().cloned()),
        }
    }
}

impl From<TagSet> for Tags {
    fn from(set: TagSet) -> Self {
        Self(Added::Set(set))
    }
}

impl<T: Into<Tag>> FromIterator<T> for Tags {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        Self(Added::Set(tags.into_iter().collect()))
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_tag_is_its_text() {
        let shared = Tag::from("a");
        assert_eq!(shared, Tag::literal("a"));
        assert!(shared < Tag::literal("b"));
        let set = HashSet::from([shared, Tag::literal("a")]);
        assert_eq!(set.len(), 1);
        assert!(set.contains("a"));
        assert_eq!(format!("{:>3}|{:?}", Tag::literal("a"), Tag::literal("a")), "  a|\"a\"");
        assert_eq!(serde_json::to_string(&Tag::literal("a\n")).unwrap(), r#""a\n""#);
        assert_eq!(serde_json::from_str::<Tag>("\"é\"").unwrap(), "é");
    }

    #[test]
    fn unsorted_literals_give_the_same_set() {
        let careless = Tags::literal(&["b", "a", "b"]);
        assert_eq!(careless.to_set(), ["a", "b"]);
        assert_eq!(TagNode::push(None, careless).merged(), &["a", "b"]);
    }

    #[test]
    fn empty_tags() {
        assert!(Tags::new().is_empty() && Tags::default().is_empty());
        assert!(Tags::collect(|_| ()).is_empty());
        assert!(!Tags::literal(&[""]).is_empty());
        assert_eq!(format!("{:?}", Tags::literal(&["a"])), r#"{"a"}"#);
    }
}
