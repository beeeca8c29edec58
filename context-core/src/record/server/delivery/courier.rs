//! The courier: what goes on on the server's thread, from the queue over a connection to the certainty that all was
//! recorded.
//!
//! It keeps a connection as long as there is something to send, sends what the window has room for, asks what of it was
//! recorded, sends again what was lost, and tells those who wait. Nothing here waits for anything but the next of all
//! these to happen.

use std::collections::HashSet;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep};

use super::line::{Frame, Line, Problem, Reply, Wire};
use super::lot::Lot;
use super::probe::{Found, Probed, probe, search};
use super::queue::Fate;
use super::window::{Parcel, Window};
use super::{LOG, Shared};
use crate::id::FlowRunId;
use crate::record::server::event::{Event, Subject};
use crate::record::server::spool::Entry;

/// How often states that are held are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How long events are gathered before they are taken out of the queue.
const GATHERED_FOR: Duration = Duration::from_millis(10);
/// How long nothing may change before it is looked for what was lost. A server writes what it has gathered every 5 s.
const LOST_AFTER: Duration = Duration::from_secs(6);
/// How long it takes a server to record what it has read, at most.
const RECORDED_AFTER: Duration = Duration::from_secs(10);
/// How often it is asked while little is on its way and nobody waits.
const IDLE_ASK: Duration = Duration::from_secs(5);
/// So many events are few.
const FEW: usize = 300;
/// How often an event is sent again before it is looked whether its flow run is still there.
const MOST_REPEATS: u32 = 2;
/// So many events are sent again at once.
const MOST_AGAIN: usize = 200;

/// What a courier is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Somebody wants to know when all is delivered.
    Wait(Waiter),
    /// Events that were kept are to be delivered.
    Deliver(Vec<Event>, Arc<Lot>),
    /// There is something new to look at.
    Look,
}

/// Somebody who wants to know when all is delivered that flow runs have told; everything, if none are named.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) family: Option<HashSet<FlowRunId>>,
    /// When it is over in any case.
    pub(super) deadline: Option<Instant>,
    pub(super) over: oneshot::Sender<()>,
}

struct Waiting {
    waiter: Waiter,
    /// Since when there was no progress.
    since: Instant,
}

enum Link {
    Down { retry_at: Instant },
    Opening(Reply<Wire>),
    Up(Wire),
}

enum Happening {
    Told(Option<Command>),
    Filled,
    Opened(Result<Wire, Problem>),
    Ended(Problem),
    Probed(Result<Probed, Problem>),
    Searched(Result<Found, Problem>),
    Checked(Result<Found, Problem>),
    Marked(bool),
    Time,
}

pub(super) struct Courier<L> {
    shared: Arc<Shared>,
    line: L,
    commands: mpsc::UnboundedReceiver<Command>,
    window: Window,
    link: Link,
    /// How often the connection could not be opened since it was up.
    failures: u32,
    waiting: Vec<Waiting>,
    probing: Option<Reply<Probed>>,
    searching: Option<Reply<Found>>,
    /// What was recorded of that which was sent over the former connection; nothing is sent meanwhile.
    checking: Option<Reply<Found>>,
    marking: Option<(u64, oneshot::Receiver<()>)>,
    /// When the queue is looked at next; `None` if it is waited for.
    gather_at: Option<Instant>,
    ask_at: Instant,
    /// How long it is waited before it is asked again.
    ask_every: Duration,
    tick_at: Option<Instant>,
    /// Since when the server has shown nothing new.
    still_since: Instant,
    /// When the server has read the last event without a task run.
    read_at: Option<Instant>,
    /// What the server shows of what is on its way.
    shown: usize,
    timer: Pin<Box<Sleep>>,
}

impl<L: Line> Courier<L> {
    pub(super) fn new(
        shared: Arc<Shared>,
        line: L,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let now = Instant::now();
        Self {
            shared,
            line,
            commands,
            window: Window::default(),
            link: Link::Down { retry_at: now },
            failures: 0,
            waiting: Vec::new(),
            probing: None,
            searching: None,
            checking: None,
            marking: None,
            gather_at: None,
            ask_at: now,
            ask_every: TICK,
            tick_at: None,
            still_since: now,
            read_at: None,
            shown: 0,
            timer: Box::pin(tokio::time::sleep_until(now)),
        }
    }

    /// Goes on until nobody can tell it anything any more.
    pub(super) async fn run(mut self) {
        loop {
            self.look_around();
            let next = self.next_time();
            self.timer.as_mut().reset(next);
            match self.next().await {
                Happening::Told(None) => return,
                Happening::Told(Some(command)) => self.obey(command),
                Happening::Filled => self.gather_at = Some(Instant::now() + GATHERED_FOR),
                Happening::Opened(opened) => self.opened(opened),
                Happening::Ended(problem) => self.disconnected(&problem),
                Happening::Probed(probed) => self.probed(probed),
                Happening::Searched(found) => self.searched(found),
                Happening::Checked(found) => self.checked(found),
                Happening::Marked(read) => self.marked(read),
                Happening::Time => {}
            }
        }
    }

    async fn next(&mut self) -> Happening {
        let shared = self.shared.clone();
        let mut filled = Box::pin(shared.queue.filled());
        poll_fn(|cx| {
            if let Poll::Ready(command) = self.commands.poll_recv(cx) {
                return Poll::Ready(Happening::Told(command));
            }
            if self.gather_at.is_none() && filled.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Happening::Filled);
            }
            match &mut self.link {
                Link::Down { .. } => {}
                Link::Opening(opening) => {
                    if let Poll::Ready(opened) = opening.as_mut().poll(cx) {
                        return Poll::Ready(Happening::Opened(opened));
                    }
                }
                Link::Up(wire) => {
                    if let Poll::Ready(problem) = wire.ended.as_mut().poll(cx) {
                        return Poll::Ready(Happening::Ended(problem));
                    }
                }
            }
            if let Some(probed) = poll_taken(&mut self.probing, cx) {
                return Poll::Ready(Happening::Probed(probed));
            }
            if let Some(found) = poll_taken(&mut self.searching, cx) {
                return Poll::Ready(Happening::Searched(found));
            }
            if let Some(found) = poll_taken(&mut self.checking, cx) {
                return Poll::Ready(Happening::Checked(found));
            }
            if let Some((_, mark)) = &mut self.marking
                && let Poll::Ready(read) = Pin::new(mark).poll(cx)
            {
                return Poll::Ready(Happening::Marked(read.is_ok()));
            }
            self.timer.as_mut().poll(cx).map(|()| Happening::Time)
        })
        .await
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Wait(waiter) => {
                self.waiting.push(Waiting { waiter, since: Instant::now() });
                // What is to be told before is in the queue.
                self.gather();
                self.hurry();
            }
            Command::Deliver(events, lot) => {
                for event in events {
                    self.window.push_later(Parcel::new(event, Some(lot.clone())));
                }
            }
            Command::Look => {}
        }
    }

    /// Somebody waits: the server is asked soon, and a connection is tried at once.
    fn hurry(&mut self) {
        self.ask_every = TICK;
        self.ask_at = self.ask_at.min(Instant::now() + TICK / 2);
        if let Link::Down { retry_at } = &mut self.link {
            *retry_at = (*retry_at).min(Instant::now());
        }
    }

    /// Does all that can be done now.
    fn look_around(&mut self) {
        let now = Instant::now();
        if self.tick_at.is_none_or(|at| at <= now) {
            self.tick_at = self.shared.tell_due().then(|| now + TICK);
        }
        if self.gather_at.is_some_and(|at| at <= now) {
            self.gather();
        }
        if let Link::Down { retry_at } = self.link
            && retry_at <= now
            && !self.window.is_empty()
        {
            self.link = Link::Opening(self.line.open());
        }
        self.send();
        self.mark();
        if self.read_at.is_some_and(|at| now.duration_since(at) >= RECORDED_AFTER) {
            self.window.forget_read();
            self.read_at = None;
        }
        self.ask(now);
        self.settle(now);
    }

    /// Takes what is in the queue.
    fn gather(&mut self) {
        let events = self.shared.queue.take();
        // Soon again if there was something; else somebody says when.
        self.gather_at = (!events.is_empty()).then(|| Instant::now() + GATHERED_FOR);
        if self.window.is_empty() && !events.is_empty() {
            self.still_since = Instant::now();
        }
        for event in events {
            self.window.push(Parcel::new(event, None));
        }
    }

    fn send(&mut self) {
        let Link::Up(wire) = &self.link else { return };
        if self.checking.is_some() {
            return;
        }
        while let Some(text) = self.window.send_next() {
            if wire.frames.send(Frame::Text(text)).is_err() {
                // The end of the connection is told soon.
                return;
            }
        }
    }

    /// Asks whether the server has read what it cannot be asked about.
    fn mark(&mut self) {
        let Link::Up(wire) = &self.link else { return };
        if self.marking.is_none()
            && self.window.has_others()
            && let Some(number) = self.window.last_number()
        {
            let (read, mark) = oneshot::channel();
            if wire.frames.send(Frame::Mark(read)).is_ok() {
                self.marking = Some((number, mark));
            }
        }
    }

    fn marked(&mut self, is_read: bool) {
        if let Some((number, _)) = self.marking.take().filter(|_| is_read) {
            let mut read = Vec::new();
            self.window.confirm_read(number, &mut read);
            self.read_at = Some(Instant::now());
            self.deliver(read);
        }
    }

    /// Asks what was recorded, or looks for what was lost.
    fn ask(&mut self, now: Instant) {
        let is_busy = self.probing.is_some() || self.searching.is_some();
        if is_busy || now < self.ask_at || !matches!(self.link, Link::Up(_)) {
            return;
        }
        let groups = self.window.groups();
        if groups.is_empty() {
            self.ask_at = now + self.ask_every;
            return;
        }
        if now.duration_since(self.still_since) >= LOST_AFTER {
            let events = groups.into_iter().flat_map(|group| group.events).collect();
            let doubtful = self.window.repeated(MOST_REPEATS);
            self.searching = Some(search(self.line.clone(), events, doubtful));
        } else {
            self.probing = Some(probe(self.line.clone(), groups));
        }
    }

    fn probed(&mut self, probed: Result<Probed, Problem>) {
        let now = Instant::now();
        match probed {
            Ok(Probed { confirmed, recorded }) => {
                let shown = confirmed.len() + recorded;
                if !confirmed.is_empty() || shown > self.shown {
                    self.still_since = now;
                    self.waiting.iter_mut().for_each(|waiting| waiting.since = now);
                }
                let mut parcels = Vec::new();
                confirmed.into_iter().for_each(|number| self.window.confirm(number, &mut parcels));
                self.window.note_recorded(recorded);
                self.shown = recorded;
                self.deliver(parcels);
                self.adapt(shown);
            }
            Err(problem) => {
                tracing::debug!(target: LOG, "cannot ask what was recorded: {}", problem.text);
                self.ask_every = (self.ask_every * 2).min(IDLE_ASK);
            }
        }
        self.ask_at = now + self.ask_every;
    }

    /// How soon the server is asked again, after it has shown so many events.
    fn adapt(&mut self, shown: usize) {
        let left = self.window.unconfirmed();
        let second = Duration::from_secs(1);
        self.ask_every = if self.window.is_full() && shown >= Window::MOST / 2 {
            // The server is faster than we ask.
            (self.ask_every / 2).max(TICK / 2)
        } else if left > FEW {
            (self.ask_every * 2).min(second)
        } else if self.waiting.is_empty() {
            (self.ask_every * 2).min(IDLE_ASK)
        } else {
            (self.ask_every * 2).min(second).max(TICK / 2)
        };
    }

    fn searched(&mut self, found: Result<Found, Problem>) {
        let now = Instant::now();
        self.ask_at = now + TICK;
        let Found { asked, known, gone } = match found {
            Ok(found) => found,
            Err(problem) => {
                tracing::debug!(target: LOG, "cannot look for what was lost: {}", problem.text);
                self.ask_at = now + Duration::from_secs(1);
                return;
            }
        };
        self.still_since = now;
        let mut confirmed = Vec::new();
        for (run, entered) in known {
            self.window.confirm_until(run.into(), entered, &mut confirmed);
        }
        self.window.note_recorded(0);
        self.shown = 0;
        let missing = asked.into_iter().filter(|number| self.window.contains(*number));
        let missing: Vec<_> = missing.take(MOST_AGAIN).collect();
        let again = missing.into_iter().filter(|it| self.window.send_again(*it, MOST_REPEATS));
        let again = again.count();
        if again > 0 {
            tracing::debug!(target: LOG, "the server has lost {again} events; they are sent again");
        }
        if again > 0 || !confirmed.is_empty() {
            self.waiting.iter_mut().for_each(|waiting| waiting.since = now);
        }
        self.deliver(confirmed);
        self.give_up(gone.into_iter().map(FlowRunId::from).collect());
    }

    /// Gives up what tells of flow runs that are not there any more: the server will never record it, and to try costs it
    /// much.
    fn give_up(&mut self, gone: HashSet<FlowRunId>) {
        if gone.is_empty() {
            return;
        }
        let parcels = self.window.take(Some(&gone));
        tracing::error!(
            target: LOG,
            "{} events are given up: the server at {} does not know their flow runs any more ({gone:?})",
            parcels.len(),
            self.shared.api_url,
        );
        self.settle_all(parcels, Fate::Lost);
    }

    /// What was sent over the former connection and recorded need not be sent again.
    fn checked(&mut self, found: Result<Found, Problem>) {
        match found {
            Ok(found) => {
                let mut confirmed = Vec::new();
                let known = found.known.into_iter().collect();
                self.window.confirm_sent_before(&known, &mut confirmed);
                self.deliver(confirmed);
            }
            // Then more is sent than need be, which does no harm.
            Err(problem) => {
                tracing::debug!(target: LOG, "cannot ask what was recorded: {}", problem.text);
            }
        }
    }

    fn deliver(&self, parcels: Vec<Parcel>) {
        self.settle_all(parcels, Fate::Delivered);
    }

    fn settle_all(&self, parcels: Vec<Parcel>, fate: Fate) {
        for Parcel { event, lot, .. } in parcels {
            match lot {
                Some(lot) => {
                    lot.settle(fate != Fate::Kept);
                    if fate != Fate::Kept {
                        self.shared.queue.settle_kept(event.flow_run, fate);
                    }
                }
                None => self.shared.queue.settle(&event, fate),
            }
        }
    }

    fn opened(&mut self, opened: Result<Wire, Problem>) {
        match opened {
            Ok(wire) => {
                let now = Instant::now();
                self.link = Link::Up(wire);
                self.failures = 0;
                self.still_since = now;
                self.ask_at = now + TICK / 2;
                let sent_before = self.window.sent_before();
                if !sent_before.is_empty() {
                    let none = HashSet::new();
                    self.checking = Some(search(self.line.clone(), sent_before, none));
                }
                self.shared.note_connected(true);
            }
            Err(problem) => self.failed(&problem),
        }
    }

    fn disconnected(&mut self, problem: &Problem) {
        self.window.disconnected();
        self.marking = None;
        self.probing = None;
        self.searching = None;
        self.checking = None;
        self.shown = 0;
        self.failed(problem);
    }

    /// The connection is not there: how soon it is tried again. At once at first, then more and more slowly.
    fn failed(&mut self, problem: &Problem) {
        self.shared.note_connected(false);
        self.failures += 1;
        let (most, failures) = match self.waiting.is_empty() {
            true => (5_000, self.failures),
            false => (1_000, self.failures),
        };
        let millis = match failures {
            0 | 1 => 0,
            2 => 50,
            3..=9 => 50 << (failures - 2),
            _ => most,
        };
        let jitter = 0.8 + 0.4 * fastrand::f64();
        let delay = Duration::from_millis(millis.min(most)).mul_f64(jitter);
        if self.failures == 3 {
            tracing::debug!(target: LOG, "no connection for events: {}", problem.text);
        }
        self.link = Link::Down { retry_at: Instant::now() + delay };
    }

    /// Tells those whose events are all delivered, and keeps what cannot be delivered for those who have waited for long.
    fn settle(&mut self, now: Instant) {
        let mut nth = 0;
        while nth < self.waiting.len() {
            let Waiting { waiter, since } = &self.waiting[nth];
            let family = waiter.family.as_ref();
            let has_left = self.shared.queue.undelivered(family) > 0
                || family.is_none() && self.shared.is_redelivering();
            let is_late = now.duration_since(*since) >= self.shared.patience
                || waiter.deadline.is_some_and(|deadline| deadline <= now);
            if has_left && !is_late {
                nth += 1;
                continue;
            }
            let Waiting { waiter, .. } = self.waiting.swap_remove(nth);
            if has_left {
                self.keep(waiter.family.as_ref());
            }
            // Perhaps nobody waits any more.
            waiter.over.send(()).ok();
        }
    }

    /// Keeps in a file what could not be delivered.
    fn keep(&mut self, family: Option<&HashSet<FlowRunId>>) {
        self.gather();
        let parcels = self.window.take(family);
        let own = parcels.iter().filter(|parcel| parcel.lot.is_none());
        let own = own.filter(|parcel| parcel.event.subject != Subject::Pulse);
        let entries: Vec<_> = own.map(|parcel| Entry::Event(&parcel.event)).collect();
        let is_kept = entries.is_empty() || self.shared.keep(&entries);
        self.settle_all(parcels, if is_kept { Fate::Kept } else { Fate::Lost });
        self.shared.queue.give_up_spilled(family);
    }

    fn next_time(&self) -> Instant {
        let mut next = Instant::now() + Duration::from_secs(3_600);
        let mut at_most = |at: Instant| next = next.min(at);
        if let Some(at) = self.gather_at {
            at_most(at);
        }
        if let Some(at) = self.tick_at {
            at_most(at);
        }
        if let Some(at) = self.read_at {
            at_most(at + RECORDED_AFTER);
        }
        match &self.link {
            Link::Down { retry_at } if !self.window.is_empty() => at_most(*retry_at),
            Link::Up(_)
                if self.probing.is_none()
                    && self.searching.is_none()
                    && self.window.unconfirmed() > 0 =>
            {
                at_most(self.ask_at);
            }
            _ => {}
        }
        for Waiting { waiter, since } in &self.waiting {
            at_most(*since + self.shared.patience);
            if let Some(deadline) = waiter.deadline {
                at_most(deadline);
            }
        }
        next
    }
}

/// Polls what is under way, if it is, and takes it away when it is over.
fn poll_taken<T>(reply: &mut Option<Reply<T>>, cx: &mut Context<'_>) -> Option<Result<T, Problem>> {
    let Poll::Ready(answer) = reply.as_mut()?.as_mut().poll(cx) else { return None };
    *reply = None;
    Some(answer)
}
