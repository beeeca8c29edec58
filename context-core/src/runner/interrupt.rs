//! Interrupts: a signal that asks the process to end.
//!
//! The first one is noted here, and everybody who could wait is told: submitted work is aborted, waits end, and code that
//! cannot be dropped is unwound the next time it comes to a place that can see the note. A process that does not
//! [watch](watch) for signals never has one.
//!
//! This module knows signals and who is to be told, not what they do about it.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

/// Why the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// Ctrl-C.
    Interrupt = 1,
    /// SIGTERM.
    Termination = 2,
}

impl Interrupt {
    /// What is said of a run that ends because of it.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Interrupt => "Execution was aborted by an interrupt signal.",
            Self::Termination => "Execution was aborted by a termination signal.",
        }
    }
}

/// What code is unwound with.
#[derive(Debug)]
pub(crate) struct Interrupted;

/// Somebody who is to be told.
pub(crate) trait Interruptible: Send + Sync {
    /// Ends what can be ended from here.
    fn interrupt(&self);
}

static NOTED: AtomicU8 = AtomicU8::new(0);
static WATCHED: AtomicBool = AtomicBool::new(false);
static EVERYBODY: Mutex<Everybody> =
    Mutex::new(Everybody { interruptible: Vec::new(), wakers: Vec::new() });
static NOTED_NOW: Condvar = Condvar::new();

struct Everybody {
    interruptible: Vec<Weak<dyn Interruptible>>,
    wakers: Vec<Waker>,
}

fn everybody() -> std::sync::MutexGuard<'static, Everybody> {
    EVERYBODY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The interrupt, if there was one.
#[inline]
pub(crate) fn interrupted() -> Option<Interrupt> {
    match NOTED.load(Ordering::Relaxed) {
        0 => None,
        1 => Some(Interrupt::Interrupt),
        _ => Some(Interrupt::Termination),
    }
}

/// Unwinds if there was an interrupt.
#[inline]
pub(crate) fn check() {
    if interrupted().is_some() {
        unwind();
    }
}

#[cold]
fn unwind() {
    resume_unwind(Box::new(Interrupted))
}

/// Has `interruptible` told of an interrupt, if this process watches for any.
pub(crate) fn tell(interruptible: impl FnOnce() -> Weak<dyn Interruptible>) {
    if WATCHED.load(Ordering::Relaxed) {
        let interruptible = interruptible();
        let mut everybody = everybody();
        everybody.interruptible.retain(|known| known.strong_count() > 0);
        everybody.interruptible.push(interruptible);
    }
}

/// Notes the interrupt and tells everybody. Only the first one counts.
fn note(interrupt: Interrupt) {
    let noted =
        NOTED.compare_exchange(0, interrupt as u8, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    if !noted {
        return;
    }
    let Everybody { interruptible, wakers } =
        std::mem::replace(&mut *everybody(), Everybody { interruptible: vec![], wakers: vec![] });
    NOTED_NOW.notify_all();
    wakers.into_iter().for_each(Waker::wake);
    for told in interruptible.iter().filter_map(Weak::upgrade) {
        told.interrupt();
    }
}

/// Ready once there was an interrupt.
pub(crate) async fn noted() -> Interrupt {
    std::future::poll_fn(|cx| {
        let mut everybody = everybody();
        if let Some(interrupt) = interrupted() {
            return std::task::Poll::Ready(interrupt);
        }
        if !everybody.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            everybody.wakers.push(cx.waker().clone());
        }
        std::task::Poll::Pending
    })
    .await
}

/// Blocks the thread for `duration`, or until there is an interrupt.
pub(super) fn sleep(duration: Duration) {
    if !WATCHED.load(Ordering::Relaxed) {
        return std::thread::sleep(duration);
    }
    let waited = NOTED_NOW.wait_timeout_while(everybody(), duration, |_| interrupted().is_none());
    drop(waited.unwrap_or_else(PoisonError::into_inner));
}

/// Watches for Ctrl-C and SIGTERM from now on. A second signal ends the process at once, as it would have without.
///
/// On systems other than Unix nothing is watched for.
#[cfg(unix)]
pub(crate) fn watch() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    if WATCHED.swap(true, Ordering::Relaxed) {
        return;
    }
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
        WATCHED.store(false, Ordering::Relaxed);
        return;
    };
    let watching = std::thread::Builder::new().name("context signals".to_owned());
    let watching = watching.spawn(move || {
        for signal in signals.forever() {
            if interrupted().is_some() {
                end_process(signal);
            }
            note(if signal == SIGTERM { Interrupt::Termination } else { Interrupt::Interrupt });
        }
    });
    if watching.is_err() {
        WATCHED.store(false, Ordering::Relaxed);
    }
}

#[cfg(not(unix))]
pub(crate) fn watch() {}

/// Ends the process as the signal of `interrupt` would have.
#[cfg(unix)]
pub(crate) fn end_as(interrupt: Interrupt) -> ! {
    use signal_hook::consts::{SIGINT, SIGTERM};

    match interrupt {
        Interrupt::Interrupt => end_process(SIGINT),
        Interrupt::Termination => end_process(SIGTERM),
    }
}

#[cfg(not(unix))]
#[expect(clippy::exit, reason = "the process was asked to end")]
pub(crate) fn end_as(_: Interrupt) -> ! {
    std::process::exit(130)
}

#[cfg(unix)]
#[expect(clippy::exit, reason = "the process was asked to end")]
fn end_process(signal: i32) -> ! {
    // Does not come back, unless the signal is blocked.
    drop(signal_hook::low_level::emulate_default_handler(signal));
    std::process::exit(128 + signal)
}
