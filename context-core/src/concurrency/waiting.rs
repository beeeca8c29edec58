//! The future of one who waits for slots.
//!
//! There are two timers. The *deadline* limits the wait and is nobody's next step, so it does not move a manual clock. The
//! *retry* waits for slots that come back by themselves: nothing else would be done meanwhile, so it is a pause, and a
//! manual clock that advances by itself moves on to its end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::limits::Limits;
use super::line::{Request, Ticket};
use super::registry::{Answer, Outcome, Progress};
use super::{ConcurrencyError, HeldSlots};
use crate::clock::Timestamp;
use crate::runner;

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes slots, as soon as they are free.
pub(crate) async fn acquire(
    limits: &'static Limits,
    request: Request,
    timeout: Option<Duration>,
) -> Result<HeldSlots, ConcurrencyError> {
    let slots = request.slots;
    let names = timeout.map(|_| request.names.clone()).unwrap_or_default();
    let ticket = match limits.request(request)? {
        Answer::Granted(taken) => return Ok(HeldSlots::new(limits, taken, slots)),
        Answer::Wait(ticket) => ticket,
    };
    let deadline = timeout.map(|timeout| -> Timer { runner::sleep(timeout) });
    let waiting = Waiting { limits, ticket: Some(ticket), deadline, retry: None };
    match waiting.await {
        Some(outcome) => Ok(HeldSlots::new(limits, outcome?, slots)),
        None => Err(ConcurrencyError::TimedOut {
            names: names.iter().map(|name| (**name).to_owned()).collect(),
            timeout: timeout.unwrap_or_default(),
        }),
    }
}

/// Waits in line. Leaves it when dropped. Gives `None` if the deadline was reached.
struct Waiting {
    limits: &'static Limits,
    // Until there is an outcome.
    ticket: Option<Ticket>,
    deadline: Option<Timer>,
    retry: Option<Retry>,
}

/// When to look again. Kept from one poll to the next: a pause on a manual clock ends at its second poll.
struct Retry {
    at: Timestamp,
    timer: Timer,
}

impl Retry {
    /// A timer for `wait` from now: `present`, unless it would end later.
    fn new(wait: Duration, present: Option<Self>) -> Self {
        let at = Timestamp::now().plus(wait);
        // One that ends too early is no harm: then there is another look, and a new timer.
        match present {
            Some(present) if present.at <= at => present,
            _ => Self { at, timer: runner::pause(wait) },
        }
    }
}

impl Future for Waiting {
    type Output = Option<Outcome>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(ticket) = this.ticket else { return Poll::Pending };
        let wait = match this.limits.progress(ticket, cx.waker()) {
            Progress::Done(outcome) => {
                this.ticket = None;
                return Poll::Ready(Some(outcome));
            }
            Progress::Wait(wait) => wait,
        };
        if this.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            // When this is dropped the line is left, and slots given in the meantime go back.
            return Poll::Ready(None);
        }
        this.retry = wait.map(|wait| Retry::new(wait, this.retry.take()));
        if this.retry.as_mut().is_some_and(|retry| retry.timer.as_mut().poll(cx).is_ready()) {
            this.retry = None;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.limits.leave(ticket);
        }
    }
}
