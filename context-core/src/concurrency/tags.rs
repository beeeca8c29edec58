//! Limits of tags: how many runs of tasks with a tag may run at the same time.
//!
//! The limit of the tag `gpu` is the limit `tag:gpu`, and can be used under this name too. A run
//! takes one slot for each of its tags that has a limit, all at once.

use std::sync::atomic::Ordering;

use super::limits::Limits;
use super::line::{Kind, Request, Unknown};
use super::registry::Registry;
use super::waiting::acquire;
use super::{HeldSlots, PROCESS};

pub(super) const PREFIX: &str = "tag:";

/// What a run takes of each limit.
const SLOTS: u32 = 1;

/// The name of the limit of a tag.
pub(crate) fn limit_name(tag: &str) -> String {
    format!("{PREFIX}{tag}")
}

/// The slots of a run's tags, given back when this is dropped.
#[derive(Debug)]
#[must_use = "the slots are given back when this is dropped"]
pub(crate) struct TagSlots {
    // `None` if no tag has a limit, or if the limits have gone.
    _slots: Option<HeldSlots>,
}

/// Whether any tag has a limit. If not, nothing need be taken.
pub(crate) fn tag_limits_exist() -> bool {
    PROCESS.has_tags()
}

/// Takes one slot for each tag that has a limit, and waits until it can. Limits are neither made
/// nor missed, and a limit of 0 keeps the run waiting until it is changed.
pub(crate) fn take_tags<T: AsRef<str>>(
    tags: &[T],
) -> impl Future<Output = TagSlots> + Send + use<T> {
    PROCESS.take_tags(tags)
}

impl Limits {
    pub(crate) fn has_tags(&self) -> bool {
        self.tags.load(Ordering::Relaxed) > 0
    }

    #[cfg(test)]
    pub(crate) fn try_take_tags<T: AsRef<str>>(&'static self, tags: &[T]) -> Option<TagSlots> {
        if !self.has_tags() {
            return Some(TagSlots { _slots: None });
        }
        let taken =
            self.with(|registry, now, _| registry.take_if_free(&request_for(tags, registry), now))?;
        Some(TagSlots { _slots: Some(HeldSlots::new(self, taken, SLOTS)) })
    }

    pub(crate) fn take_tags<T: AsRef<str>>(
        &'static self,
        tags: &[T],
    ) -> impl Future<Output = TagSlots> + Send + use<T> {
        let request =
            self.has_tags().then(|| self.with(|registry, _, _| request_for(tags, registry)));
        async move {
            let Some(request) = request else { return TagSlots { _slots: None } };
            // Limits that are missing or too small are no errors here, and there is no timeout, so
            // this does not fail.
            TagSlots { _slots: acquire(self, request, None).await.ok() }
        }
    }
}

/// The request for those of the tags that have limits.
fn request_for<T: AsRef<str>>(tags: &[T], registry: &Registry) -> Request {
    let is_wanted = |name: &str| tags.iter().any(|tag| tag.as_ref() == &name[PREFIX.len()..]);
    let names = registry.lines.beginning_with(PREFIX).filter(|name| is_wanted(name));
    let names = names.cloned().collect();
    Request { names, slots: SLOTS, kind: Kind::Hold, unknown: Unknown::Ignore }
}
