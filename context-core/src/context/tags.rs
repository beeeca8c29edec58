//! `TagsContext` and the scopes that `tags!` makes.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};

use super::scope::scoped_by_push;
use super::{ContextModel, Frame, Policy, Scope};
use crate::secret::Secrets;
use crate::stack::{self, Entered, Suspendable};
use crate::tags::{IntoTags, TagList, TagSet, Tags};

/// The tags that surround the code.
///
/// Tags are read when a run is *created*, and only from here: a flow run's own tags are not added to its tasks.
///
/// # Example: scopes add up
///
/// ```
/// use context_core::context::{ContextModel, TagsContext};
///
/// TagsContext::new(["a"]).in_scope(|| {
///     TagsContext::new(["b"]).in_scope(|| {
///         assert_eq!(TagsContext::get().current_tags().to_string(), "a, b");
///     });
///     assert_eq!(TagsContext::get().current_tags().to_string(), "a");
/// });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagsContext {
    current_tags: TagSet,
}

impl TagsContext {
    /// A context of these tags.
    pub fn new(tags: impl IntoTags) -> Self {
        let tags = Tags::collect(|list: &mut TagList| list.add(tags));
        Self { current_tags: tags.iter().collect() }
    }

    /// What surrounds the code; without any tags, an empty context.
    pub fn get() -> Self {
        // The merged set is computed outside the slot: merging runs no foreign code, but it may take a while.
        let node = stack::peek::<Frame, _>(|frame| frame.and_then(|frame| frame.tags().cloned()));
        Self { current_tags: node.map_or(TagSet::EMPTY, |node| node.merged().clone()) }
    }

    /// The tags.
    pub const fn current_tags(&self) -> &TagSet {
        &self.current_tags
    }

    /// A copy with these tags instead.
    #[must_use]
    pub fn with_current_tags(self, tags: impl IntoTags) -> Self {
        Self::new(tags)
    }

    fn push(&self, current: Option<&Arc<Frame>>) -> Arc<Frame> {
        Frame::with_tags(current, self.current_tags.iter().cloned().collect())
    }
}

impl ContextModel for TagsContext {
    const NAME: &'static str = "TagsContext";
    const POLICY: Policy = Policy::EVERYWHERE;

    fn get() -> Option<Self> {
        Some(Self::get())
    }

    fn serialize(&self, _: Secrets) -> Value {
        json!({ "current_tags": self.current_tags })
    }

    scoped_by_push!();
}

/// Tags that are not in force yet: what `tags!("a", "b")` without a block gives.
#[derive(Clone, Debug)]
#[must_use = "tags that are not entered do nothing: add a block, or call `.scope(future)` or `.in_scope(|| ..)`"]
pub struct TagScope(Tags);

impl TagScope {
    /// Tags that are known when the program is compiled; sorted and without duplicates.
    pub const fn literal(tags: &'static [&'static str]) -> Self {
        Self(Tags::literal(tags))
    }

    /// Tags that are gathered by `fill`.
    pub fn collect(fill: impl FnOnce(&mut TagList)) -> Self {
        Self(Tags::collect(fill))
    }

    /// Runs `f` with the tags added.
    pub fn in_scope<R>(self, f: impl FnOnce() -> R) -> R {
        let _guard = enter_tags(self);
        f()
    }

    /// Ties `future` to the tags: they are added on every poll and while it is dropped, on whatever thread.
    ///
    /// A task called in the argument list was called outside and has captured that: write
    /// `scope(async { load().await })`, not `scope(load())`.
    pub fn scope<F: Future>(self, future: F) -> Scope<F> {
        let frame = stack::peek::<Frame, _>(|current| Frame::with_tags(current, self.0));
        Scope::new(future, Some(frame))
    }
}

/// Tags in force until the guard is dropped; what a `tags!` block without awaits holds.
///
/// It is `!Send`, so a future that keeps one across an await cannot be spawned.
#[must_use = "the tags are in force until the guard is dropped"]
pub struct TagsGuard(#[expect(dead_code, reason = "held for its destructor")] Entered<Frame>);

impl fmt::Debug for TagsGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagsGuard(..)")
    }
}

/// Adds tags until the guard is dropped.
#[inline]
pub fn enter_tags(tags: TagScope) -> TagsGuard {
    let frame = stack::peek::<Frame, _>(|current| Frame::with_tags(current, tags.0));
    TagsGuard(Entered::enter(Some(frame)))
}

/// What a `tags!` block with awaits holds: tags that are taken off while the function is suspended.
pub struct TagsBlock {
    /// The frame on the other side of the swap: what surrounds the block while it is on, the block's own frame while it
    /// is off.
    other: Option<Arc<Frame>>,
    on: bool,
}

impl TagsBlock {
    /// Adds the tags.
    pub fn enter(tags: TagScope) -> Self {
        let frame = stack::peek::<Frame, _>(|current| Frame::with_tags(current, tags.0));
        Self { other: stack::replace(Some(frame)), on: true }
    }
}

impl Suspendable for TagsBlock {
    #[inline]
    fn suspend(&mut self) {
        if self.on {
            self.other = stack::replace(self.other.take());
            self.on = false;
        }
    }

    #[inline]
    fn resume(&mut self) {
        if !self.on {
            self.other = stack::replace(self.other.take());
            self.on = true;
        }
    }
}

impl Drop for TagsBlock {
    fn drop(&mut self) {
        self.suspend();
    }
}

impl fmt::Debug for TagsBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TagsBlock").field("on", &self.on).finish_non_exhaustive()
    }
}
