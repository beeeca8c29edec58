//! Lots: events that were read from a file together.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many events of a lot are still on their way.
#[derive(Debug)]
pub(in crate::record::server) struct Lot {
    left: AtomicUsize,
    /// Those of which it is known that the server does not have them.
    undelivered: AtomicUsize,
    over: Notify,
}

impl Lot {
    pub(super) fn new(events: usize) -> Self {
        Self {
            left: AtomicUsize::new(events),
            undelivered: AtomicUsize::new(0),
            over: Notify::new(),
        }
    }

    /// An event is not on its way any more.
    pub(super) fn settle(&self, is_delivered: bool) {
        if !is_delivered {
            self.undelivered.fetch_add(1, Ordering::Relaxed);
        }
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.over.notify_one();
        }
    }

    /// Ready once none is on its way. True if all were delivered.
    pub(super) async fn over(&self) -> bool {
        while self.left.load(Ordering::Acquire) > 0 {
            self.over.notified().await;
        }
        self.undelivered.load(Ordering::Relaxed) == 0
    }
}
