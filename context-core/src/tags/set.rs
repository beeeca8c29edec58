//! The sorted set of tags that a run records.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Tag;

/// An immutable, sorted set of tags that is cheap to clone.
///
/// # Examples
///
/// ```
/// use context_core::tags::TagSet;
///
/// let own: TagSet = ["nightly", "cpu", "cpu"].into_iter().collect();
/// assert_eq!(own, ["cpu", "nightly"]);
/// assert_eq!(own.union(&TagSet::from_iter(["eu"])).to_string(), "cpu, eu, nightly");
/// ```
#[derive(Clone, Default)]
pub struct TagSet(
    // Invariant: never `Some` of an empty slice; strictly ascending by text.
    Option<Arc<[Tag]>>,
);

impl TagSet {
    /// The set without tags. Needs no allocation.
    pub const EMPTY: Self = Self(None);

    /// The tags in ascending order of their texts.
    pub fn iter(&self) -> std::slice::Iter<'_, Tag> {
        self.as_slice().iter()
    }

    /// The tags in ascending order of their texts.
    pub fn as_slice(&self) -> &[Tag] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether a tag has this text.
    pub fn contains(&self, text: &str) -> bool {
        self.as_slice().binary_search_by(|tag| tag.as_str().cmp(text)).is_ok()
    }

    /// The number of tags.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are no tags.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The tags of both sets. Shares the larger one's memory if it holds them all.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let (large, small) = if self.len() < other.len() { (other, self) } else { (self, other) };
        if large.same(small) {
            return large.clone();
        }
        large.with_unsorted(small.as_slice().to_vec())
    }

    /// The tags of this set and `tags`. Shares this set's memory if it holds them all.
    pub(super) fn with_unsorted(&self, mut tags: Vec<Tag>) -> Self {
        if tags.iter().all(|tag| self.contains(tag)) {
            return self.clone();
        }
        tags.extend_from_slice(self.as_slice());
        Self::from_unsorted(tags)
    }

    /// A set of literals, with one allocation if they are sorted.
    pub(super) fn from_literals(texts: &'static [&'static str]) -> Self {
        let tags = texts.iter().copied().map(Tag::literal);
        match texts {
            [] => Self::EMPTY,
            _ if texts.is_sorted_by(|a, b| a < b) => Self(Some(tags.collect())),
            _ => Self::from_unsorted(tags.collect()),
        }
    }

    /// Sorts `tags` and drops duplicates.
    pub(super) fn from_unsorted(mut tags: Vec<Tag>) -> Self {
        if !tags.is_sorted_by(|a, b| a < b) {
            tags.sort();
            tags.dedup();
        }
        if tags.is_empty() { Self::EMPTY } else { Self(Some(tags.into())) }
    }

    fn same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<T: Into<Tag>> FromIterator<T> for TagSet {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        Self::from_unsorted(tags.into_iter().map(Into::into).collect())
    }
}

impl<'a> IntoIterator for &'a TagSet {
    type Item = &'a Tag;
    type IntoIter = std::slice::Iter<'a, Tag>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for TagSet {
    fn eq(&self, other: &Self) -> bool {
        self.same(other) || self.as_slice() == other.as_slice()
    }
}

impl Eq for TagSet {}

impl std::hash::Hash for TagSet {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl<const N: usize> PartialEq<[&str; N]> for TagSet {
    /// Compares with a sorted list.
    fn eq(&self, other: &[&str; N]) -> bool {
        *self.as_slice() == other[..]
    }
}

impl PartialEq<[&str]> for TagSet {
    /// Compares with a sorted list.
    fn eq(&self, other: &[&str]) -> bool {
        self.as_slice() == other
    }
}

impl fmt::Display for TagSet {
    /// The texts, separated by commas: `cpu, nightly`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, tag) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(tag)?;
        }
        Ok(())
    }
}

impl fmt::Debug for TagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for TagSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de> Deserialize<'de> for TagSet {
    /// Accepts a list in any order.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Tag>::deserialize(deserializer).map(Self::from_unsorted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set() -> impl Strategy<Value = TagSet> {
        vec("[a-e]{0,2}", 0..8).prop_map(TagSet::from_iter)
    }

    #[test]
    fn forms_of_a_set() {
        let tags = TagSet::from_iter(["b", "a"]);
        assert_eq!(format!("{tags} {tags:?} {}", TagSet::EMPTY), r#"a, b {"a", "b"} "#);
        assert_eq!(serde_json::to_string(&tags).unwrap(), r#"["a","b"]"#);
        assert_eq!(serde_json::from_str::<TagSet>(r#"["b","a","b"]"#).unwrap(), tags);
        assert_eq!(serde_json::to_string(&TagSet::EMPTY).unwrap(), "[]");
        assert!(TagSet::from_iter(Vec::<String>::new()).is_empty());
    }

    proptest! {
        #[test]
        fn union_is_commutative_associative_idempotent(a in set(), b in set(), c in set()) {
            prop_assert_eq!(a.union(&b), b.union(&a));
            prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
            prop_assert_eq!(&a.union(&a), &a);
            prop_assert_eq!(a.union(&TagSet::EMPTY), a);
        }

        #[test]
        fn it_behaves_as_a_set(a in vec("[a-e]{0,2}", 0..8), b in vec("[a-e]{0,2}", 0..8), text in "[a-e]{0,2}") {
            let model: BTreeSet<_> = a.iter().chain(&b).map(String::as_str).collect();
            let union = TagSet::from_iter(a.clone()).union(&TagSet::from_iter(b.clone()));
            prop_assert!(union.iter().map(Tag::as_str).eq(model.iter().copied()));
            prop_assert_eq!(union.len(), model.len());
            prop_assert_eq!(union.contains(&text), model.contains(text.as_str()));
        }
    }
}
