//! Waiting: timers that follow the clock that surrounds the code.
//!
//! There are two kinds of waits. A *deadline* ([`sleep`]) is a limit for something else. A *pause* ([`pause`]) is
//! itself what happens next: nothing else would be done meanwhile. The difference shows under a manual clock that
//! advances by itself: it moves for a pause and never for a deadline. Without a manual clock both are tokio timers, on
//! the current runtime or the background one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::{Runner, block_on, blocking, interrupt};
use crate::clock::{self, Wait};

pin_project! {
    /// A wait for a time.
    pub(crate) struct Sleep {
        #[pin]
        timer: Timer,
    }
}

pin_project! {
    #[project = TimerProjection]
    enum Timer {
        Tokio { #[pin] sleep: tokio::time::Sleep },
        Manual { #[pin] wait: Wait },
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.project().timer.project() {
            TimerProjection::Tokio { sleep } => sleep.poll(cx),
            TimerProjection::Manual { wait } => wait.poll(cx),
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleep(..)")
    }
}

/// A deadline: ready once `duration` has passed.
///
/// # Panics
///
/// On a runtime that was built without `enable_time`, as `tokio::time::sleep` does.
pub(crate) fn sleep(duration: Duration) -> Pin<Box<Sleep>> {
    let timer = match clock::ambient() {
        Some(clock) => Timer::Manual { wait: Wait::deadline(clock, duration) },
        None => tokio_timer(duration),
    };
    Box::pin(Sleep { timer })
}

/// A pause of `duration`. A manual clock that advances by itself moves on, so that the pause takes no time.
///
/// # Panics
///
/// As [`sleep`] does.
pub(crate) fn pause(duration: Duration) -> Pin<Box<Sleep>> {
    let timer = match clock::ambient() {
        Some(clock) => Timer::Manual { wait: Wait::pause(clock, duration) },
        None => tokio_timer(duration),
    };
    Box::pin(Sleep { timer })
}

/// Blocks the thread for `duration`, or until there is an interrupt: [`pause`] for blocking code.
pub(crate) fn pause_blocking(duration: Duration) {
    match clock::ambient() {
        Some(clock) => block_on(Wait::pause(clock, duration)),
        None => blocking(|| interrupt::sleep(duration)),
    }
}

fn tokio_timer(duration: Duration) -> Timer {
    let runner = Runner::of_async_caller();
    let _entered = runner.handle.enter();
    Timer::Tokio { sleep: tokio::time::sleep(duration) }
}

#[cfg(test)]
mod tests;
