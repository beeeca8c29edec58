//! The assets that were made under a flow run.

use super::text;
use crate::record::AssetEvent;

/// The most assets that are shown one by one.
pub(super) const SHOWN: usize = 8;
/// How much of a key is kept, in columns: more than a line can show.
const KEPT: usize = 120;

/// The assets that were made under a flow run, or could not be made.
#[derive(Debug, Default)]
pub(super) struct Assets {
    /// How often one was made.
    pub(super) made: u64,
    /// How often one could not be made.
    pub(super) failed: u64,
    /// The latest that is known of the first of them, by key.
    pub(super) lines: Vec<AssetLine>,
    /// True if there are others.
    pub(super) more: bool,
}

/// What is shown of an asset.
#[derive(Debug)]
pub(super) struct AssetLine {
    pub(super) key: Box<str>,
    pub(super) failed: bool,
    /// The assets it was made of.
    pub(super) upstream: Vec<Box<str>>,
    pub(super) tool: Option<Box<str>>,
}

impl Assets {
    /// Takes note of an asset that was made, or could not be made.
    pub(super) fn add(&mut self, event: &AssetEvent<'_>) {
        let failed = match event.event {
            AssetEvent::SUCCEEDED => false,
            AssetEvent::FAILED => true,
            _ => return,
        };
        *(if failed { &mut self.failed } else { &mut self.made }) += 1;
        let kept = |text: &str| text::shorten(text, KEPT).into();
        let line = AssetLine {
            key: kept(event.asset.key()),
            failed,
            upstream: event.upstream.iter().take(2).map(|asset| kept(asset.key())).collect(),
            tool: event.materialized_by.map(kept),
        };
        self.keep(line);
    }

    fn keep(&mut self, line: AssetLine) {
        if let Some(known) = self.lines.iter_mut().find(|known| known.key == line.key) {
            *known = line;
        } else if self.lines.len() < SHOWN {
            self.lines.push(line);
        } else {
            self.more = true;
        }
    }

    /// Takes in those of a subflow.
    pub(super) fn merge(&mut self, other: Self) {
        self.made += other.made;
        self.failed += other.failed;
        self.more |= other.more;
        other.lines.into_iter().for_each(|line| self.keep(line));
    }
}
