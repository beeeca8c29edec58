//! The chain of scopes that add tags.

use std::sync::{Arc, OnceLock};

use super::{TagSet, Tags};

/// One scope's tags and the scope around it.
///
/// Entering a scope is one small allocation; nothing is merged. The merged set is computed when a
/// run reads it and kept for the next one.
///
/// # Examples
///
/// ```
/// use context_core::tags::{TagNode, Tags};
///
/// let outer = TagNode::push(None, Tags::literal(&["cpu", "nightly"]));
/// let inner = TagNode::push(Some(&outer), Tags::literal(&["gpu"]));
/// assert_eq!(inner.merged(), &["cpu", "gpu", "nightly"]);
/// assert_eq!(outer.merged(), &["cpu", "nightly"]);
/// ```
#[derive(Debug)]
pub struct TagNode {
    own: Tags,
    parent: Option<Arc<Self>>,
    /// Links in this chain, this one included. At most [`TagNode::LONGEST_CHAIN`].
    depth: u8,
    merged: OnceLock<TagSet>,
}

impl TagNode {
    /// The most links a chain may have. The next push merges the chain into its first link.
    ///
    /// So a node keeps at most seven others alive, and dropping a deeply nested scope does not
    /// recurse deeply.
    pub const LONGEST_CHAIN: u8 = 8;

    /// A scope that adds `own` to `parent`'s tags. `parent` itself if nothing is added.
    pub fn push(parent: Option<&Arc<Self>>, own: Tags) -> Arc<Self> {
        let Some(parent) = parent else {
            return Self::link(own, None, 1);
        };
        if own.is_empty() {
            return Arc::clone(parent);
        }
        if parent.depth < Self::LONGEST_CHAIN {
            return Self::link(own, Some(Arc::clone(parent)), parent.depth + 1);
        }
        Self::collapsed(parent, &own)
    }

    fn link(own: Tags, parent: Option<Arc<Self>>, depth: u8) -> Arc<Self> {
        Arc::new(Self { own, parent, depth, merged: OnceLock::new() })
    }

    #[cold]
    fn collapsed(parent: &Self, own: &Tags) -> Arc<Self> {
        let all = parent.merged().union(&own.to_set());
        let merged = OnceLock::from(all.clone());
        Arc::new(Self { own: all.into(), parent: None, depth: 1, merged })
    }

    /// What this scope adds. After a collapse, all tags of the chain.
    pub fn own(&self) -> &Tags {
        &self.own
    }

    /// The tags of this scope and of all scopes around it.
    pub fn merged(&self) -> &TagSet {
        self.merged.get_or_init(|| self.merge())
    }

    fn merge(&self) -> TagSet {
        let Some(parent) = &self.parent else {
            return self.own.to_set();
        };
        let mut tags = Vec::with_capacity(8);
        self.own.append_to(&mut tags);
        let mut next = Some(parent);
        while let Some(node) = next {
            if let Some(known) = node.merged.get() {
                return known.with_unsorted(tags);
            }
            node.own.append_to(&mut tags);
            next = node.parent.as_ref();
        }
        TagSet::from_unsorted(tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const LITERALS: [&[&str]; 4] = [&[], &["a"], &["b", "c"], &["c", "a"]];

    fn scope() -> impl Strategy<Value = Tags> {
        prop_oneof![
            (0..LITERALS.len()).prop_map(|index| Tags::literal(LITERALS[index])),
            vec("[a-z]", 0..4).prop_map(Tags::from_iter),
        ]
    }

    #[test]
    fn a_hundred_thousand_scopes_do_not_overflow_the_stack() {
        let mut node = TagNode::push(None, Tags::literal(&["root"]));
        for index in 0..100_000 {
            let own = if index % 1_000 == 0 {
                Tags::from_iter([index.to_string()])
            } else {
                Tags::literal(&["again"])
            };
            node = TagNode::push(Some(&node), own);
        }
        assert_eq!(node.merged().len(), 102);
        drop(node);
    }

    #[test]
    fn adding_nothing_shares_the_parent() {
        let parent = TagNode::push(None, Tags::literal(&["a"]));
        assert!(Arc::ptr_eq(&parent, &TagNode::push(Some(&parent), Tags::new())));
        assert!(TagNode::push(None, Tags::new()).merged().is_empty());
    }

    #[test]
    fn the_merged_set_is_computed_once() {
        let node = TagNode::push(None, Tags::literal(&["a"]));
        assert!(std::ptr::eq(node.merged(), node.merged()));
        let same = TagNode::push(Some(&node), Tags::literal(&["a"]));
        assert!(std::ptr::eq(same.merged().as_slice(), node.merged().as_slice()), "shared");
    }

    proptest! {
        /// Chains that collapse, with reads in between, against one flat set.
        #[test]
        fn a_chain_is_the_union_of_its_scopes(scopes in vec((scope(), any::<bool>()), 0..30)) {
            let mut model = BTreeSet::new();
            let mut node: Option<Arc<TagNode>> = None;
            for (own, read) in scopes {
                model.extend(own.iter().map(str::to_owned));
                let next = TagNode::push(node.as_ref(), own);
                prop_assert!(next.depth <= TagNode::LONGEST_CHAIN);
                if read {
                    prop_assert!(next.merged().iter().map(|tag| tag.as_str()).eq(model.iter()));
                }
                node = Some(next);
            }
            if let Some(node) = node {
                prop_assert!(node.merged().iter().map(|tag| tag.as_str()).eq(model.iter()));
            }
        }

        #[test]
        fn a_collapsed_chain_equals_an_uncollapsed_one(scopes in vec(scope(), 1..9)) {
            let mut node: Option<Arc<TagNode>> = None;
            for own in &scopes {
                node = Some(match &node {
                    None => TagNode::push(None, own.clone()),
                    Some(parent) => TagNode::collapsed(parent, own),
                });
            }
            let mut plain: Option<Arc<TagNode>> = None;
            for own in scopes {
                plain = Some(TagNode::push(plain.as_ref(), own));
            }
            let (node, plain) = (node.unwrap(), plain.unwrap());
            prop_assert_eq!(node.merged(), plain.merged());
        }
    }
}
