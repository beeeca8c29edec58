//! Who reads the log while a case runs.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::subscriber::{Interest, set_global_default};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};

/// What the subscriber of the process reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// There is none, or one of the cases before has left it, which reads no spans of runs.
    Nothing,
    /// Everything but spans and lines of runs.
    OtherSpans,
    /// Everything.
    SpansOfRuns,
}

/// True while the layer is interested in runs.
static RUNS: AtomicBool = AtomicBool::new(false);

/// A layer that does nothing: what every useful one costs at least.
struct NoOp;

impl<S: Subscriber> Layer<S> for NoOp {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target() == "context::run" && !RUNS.load(Ordering::Relaxed) {
            Interest::never()
        } else {
            Interest::always()
        }
    }
}

impl Reads {
    /// Makes the subscriber of the whole process read this, as in programs; scoped subscribers are slower.
    pub(crate) fn install(self) {
        let runs = self == Self::SpansOfRuns;
        if RUNS.swap(runs, Ordering::Relaxed) != runs {
            tracing::callsite::rebuild_interest_cache();
        }
        if self != Self::Nothing {
            // The second time it is there already.
            drop(set_global_default(tracing_subscriber::registry().with(NoOp)));
        }
    }
}
