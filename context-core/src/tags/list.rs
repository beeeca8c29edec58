//! Collecting tags from whatever a user writes between the parentheses of `tags!`.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::{Tag, TagSet, Tags};

/// The list that [`Tags::collect`] fills.
#[derive(Clone, Debug, Default)]
pub struct TagList(Vec<Tag>);

impl TagList {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one tag, or all tags of a collection.
    pub fn add(&mut self, tags: impl IntoTags) {
        tags.add_to(self);
    }

    /// Adds one tag.
    pub fn push(&mut self, tag: Tag) {
        self.0.push(tag);
    }

    pub(super) fn into_set(self) -> TagSet {
        TagSet::from_unsorted(self.0)
    }
}

/// What can stand between the parentheses of `tags!`: a text, a tag, or a collection of those.
///
/// `None` adds nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as a tag",
    label = "expected a text, a tag, or a collection of those",
    note = "tags are texts: write `.to_string()` or `format!(\"…\")` to make one from `{Self}`"
)]
pub trait IntoTags {
    /// Adds the tags to `list`.
    fn add_to(self, list: &mut TagList);
}

macro_rules! one_tag {
    ($($text:ty => |$value:ident| $tag:expr;)*) => {$(
        impl IntoTags for $text {
            fn add_to(self, list: &mut TagList) {
                let $value = self;
                list.push($tag);
            }
        }
    )*};
}

one_tag! {
    Tag => |tag| tag;
    &Tag => |tag| tag.clone();
    &str => |text| text.into();
    &&str => |text| (*text).into();
    String => |text| text.into();
    &String => |text| text.as_str().into();
    Box<str> => |text| String::from(text).into();
    &Box<str> => |text| text.as_ref().into();
    Cow<'_, str> => |text| text.into();
    &Cow<'_, str> => |text| text.as_ref().into();
    Arc<str> => |text| text.into();
    &Arc<str> => |text| Arc::clone(text).into();
}

macro_rules! many_tags {
    ($($collection:ty => |$value:ident| $tags:expr;)*) => {$(
        impl IntoTags for $collection {
            fn add_to(self, list: &mut TagList) {
                let $value = self;
                list.0.extend($tags);
            }
        }
    )*};
}

many_tags! {
    TagSet => |set| set.iter().cloned();
    &TagSet => |set| set.iter().cloned();
}

impl IntoTags for Tags {
    fn add_to(self, list: &mut TagList) {
        self.append_to(&mut list.0);
    }
}

impl IntoTags for &Tags {
    fn add_to(self, list: &mut TagList) {
        self.append_to(&mut list.0);
    }
}

macro_rules! collections {
    ($([$($generics:tt)*] $collection:ty;)*) => {$(
        impl<T: IntoTags, $($generics)*> IntoTags for $collection {
            fn add_to(self, list: &mut TagList) {
                self.into_iter().for_each(|tags| tags.add_to(list));
            }
        }

        impl<'a, T, $($generics)*> IntoTags for &'a $collection
        where
            &'a T: IntoTags,
        {
            fn add_to(self, list: &mut TagList) {
                self.into_iter().for_each(|tags| tags.add_to(list));
            }
        }
    )*};
}

collections! {
    [const N: usize] [T; N];
    [] Vec<T>;
    [] Option<T>;
    [] BTreeSet<T>;
    [S] HashSet<T, S>;
}

impl<'a, T> IntoTags for &'a [T]
where
    &'a T: IntoTags,
{
    fn add_to(self, list: &mut TagList) {
        for tags in self {
            tags.add_to(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_reads_as_tags_is_accepted() {
        let name = String::from("b");
        let shared: Arc<str> = "e".into();
        let set = TagSet::from_iter(["f"]);
        let (tag, tags) = (Tag::literal("g"), Tags::literal(&["t"]));
        let (list_of_names, array) = (vec![String::from("m")], [String::from("i")]);
        let (option, hashed) = (Some(String::from("o")), HashSet::from([String::from("q")]));
        let collected = Tags::collect(|list| {
            list.add("a");
            list.add(&name);
            list.add(name.clone());
            list.add(Cow::Borrowed("c"));
            list.add(Box::<str>::from("d"));
            list.add(&shared);
            list.add(&set);
            list.add(set.clone());
            list.add(Tag::literal("g"));
            list.add(&tag);
            list.add(["h", "i"]);
            list.add(&array);
            list.add(&["j", "k"][..]);
            list.add(vec![String::from("l")]);
            list.add(&list_of_names);
            list.add(Some("n"));
            list.add(&option);
            list.add(None::<String>);
            list.add(BTreeSet::from(["p"]));
            list.add(&hashed);
            list.add(vec![Some(["r"])]);
            list.add(Tags::literal(&["s"]));
            list.add(&tags);
        });
        let expected: Vec<_> = ('a'..='t').map(String::from).collect();
        assert!(collected.iter().eq(expected.iter().map(String::as_str)), "{collected:?}");
    }
}
