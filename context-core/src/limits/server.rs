//! Slots of a server's limits, as code of runs takes them: with the warnings, the errors and the events of Prefect.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use super::ConcurrencySlots;
use crate::concurrency::{ConcurrencyError, Kind, Request, Unknown};
use crate::context::Frame;
use crate::event::Event;
use crate::record::{
    Client, CustomEvent, Held, Limit, Origin, RunEvent, Services, Slots, WantedSlots,
};
use crate::{runner, stack};

/// What surrounds code that wants slots: a server, and who is told.
pub(super) struct Around {
    services: Arc<dyn Services>,
    client: Client,
    origin: Origin,
}

impl Around {
    /// What surrounds this call, if there is a server.
    pub(super) fn server() -> Option<Self> {
        let frame = stack::current::<Frame>();
        let (services, client) = Frame::with_client(frame.as_ref(), |client| {
            Some((client.services()?.clone(), client.clone()))
        })?;
        Some(Self { services, origin: Origin::of(frame.as_ref()), client })
    }

    /// Takes slots as soon as the server gives them.
    pub(super) async fn take(
        self,
        request: Request,
        timeout: Option<Duration>,
    ) -> Result<ConcurrencySlots, ConcurrencyError> {
        let Request { names, slots, kind, unknown } = request;
        let names: BTreeSet<String> = names.iter().map(|name| (**name).to_owned()).collect();
        let nothing = |around: Self| {
            ConcurrencySlots::of_server(TakenSlots {
                around,
                slots,
                limits: Vec::new(),
                _held: None,
            })
        };
        if names.is_empty() || slots == 0 {
            return Ok(nothing(self));
        }
        let taking = self.services.take_slots(WantedSlots {
            names: names.iter().cloned().collect(),
            slots,
            spend: kind == Kind::Spend,
            all: unknown == Unknown::Refuse,
        });
        let answer = match timeout {
            None => taking.await,
            Some(timeout) => match within(timeout, taking).await {
                Some(answer) => answer,
                None => {
                    let names = names.into_iter().collect();
                    return Err(ConcurrencyError::TimedOut { names, timeout });
                }
            },
        };
        let answer =
            answer.map_err(|error| ConcurrencyError::Server { problem: error.to_string() })?;
        let (limits, held) = match answer {
            Slots::Taken(limits, held) => (limits, held),
            Slots::Unknown(name) => return Err(ConcurrencyError::NotOnServer { name }),
            Slots::TooMany { name, limit } => {
                return Err(ConcurrencyError::TooManySlots { name, slots, limit });
            }
            Slots::NoDecay(name) => return Err(ConcurrencyError::NoDecay { name }),
        };
        for name in names.iter().filter(|name| limits.iter().all(|limit| limit.name != **name)) {
            warn(name);
        }
        let limits = limits.iter().map(|limit| {
            let event = limit.event("acquired", slots, &limits);
            self.tell(&event);
            (limit.clone(), event)
        });
        let mut limits: Vec<_> = limits.collect();
        limits.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        Ok(ConcurrencySlots::of_server(TakenSlots { around: self, slots, limits, _held: held }))
    }

    fn tell(&self, event: &Event) {
        self.client.record(&RunEvent::Custom(CustomEvent { event, origin: &self.origin }));
    }
}

/// Slots of a server's limits.
pub(super) struct TakenSlots {
    around: Around,
    slots: u32,
    /// With the events that have told of it.
    limits: Vec<(Limit, Event)>,
    /// Nothing if they come back by themselves.
    _held: Option<Held>,
}

impl TakenSlots {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.limits.iter().map(|(limit, _)| limit.name.as_str())
    }

    pub(super) const fn count(&self) -> u32 {
        self.slots
    }
}

impl Drop for TakenSlots {
    fn drop(&mut self) {
        // Those that come back by themselves are not given back.
        if self._held.is_none() {
            return;
        }
        let all: Vec<Limit> = self.limits.iter().map(|(limit, _)| limit.clone()).collect();
        for (limit, acquired) in &self.limits {
            let released = limit.event("released", self.slots, &all).following(acquired);
            self.around.tell(&released);
        }
    }
}

/// What `future` gives, if it does within `limit`.
async fn within<F: Future + Unpin>(limit: Duration, mut future: F) -> Option<F::Output> {
    let mut deadline = runner::sleep(limit);
    poll_fn(move |cx| match std::pin::Pin::new(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => deadline.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Warns, once, of a limit that the server does not have.
fn warn(name: &str) {
    /// Names are remembered up to this number, so that made-up names do not fill the memory. About others there is no
    /// warning.
    const MOST: usize = 1_000;
    static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_new = warned.len() < MOST && warned.insert(name.to_owned());
    drop(warned);
    if is_new {
        tracing::warn!(
            "the server has no concurrency limit `{name}`, so it does not limit; \
             make it with `prefect gcl create {name} --limit 1`"
        );
    }
}
