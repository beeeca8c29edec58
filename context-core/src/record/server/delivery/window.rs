//! The window: events that were sent, and of which it is not known whether the server has recorded them.
//!
//! A server takes every event that arrives, keeps it in memory, and records it when it gets to that. If more arrive than
//! it keeps, it drops them; if it ends, all are lost; and it says neither. So there are never more than so many on their
//! way ([`Window::MOST`]), and each stays here until the task run shows that it was recorded.
//!
//! This is a plain value that decides what is sent and what is known. It reads no clock and sends nothing.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::line::Shows;
use super::lot::Lot;
use crate::clock::Timestamp;
use crate::id::{FlowRunId, TaskRunId};
use crate::record::server::event::{Event, Subject};

/// An event on its way.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) event: Event,
    /// Where it comes from, if not from the queue: what was kept in a file.
    pub(super) lot: Option<Arc<Lot>>,
    /// How often it was sent again because the server had lost it.
    pub(super) repeats: u32,
    /// It was sent over a connection that has ended.
    was_sent: bool,
    /// The event of the same run that was sent before, if that one is on its way, too.
    former: Option<u64>,
}

impl Parcel {
    pub(super) const fn new(event: Event, lot: Option<Arc<Lot>>) -> Self {
        Self { event, lot, repeats: 0, was_sent: false, former: None }
    }
}

/// Runs of which one sees by the same thing that their last events were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) shows: Shows,
    /// In the order in which the events were sent: their numbers, and the runs.
    pub(super) events: Vec<(u64, Uuid)>,
}

/// Events that wait to be sent, and events that were sent.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// To be sent, the first first.
    waiting: VecDeque<Parcel>,
    /// To be sent when nothing else is.
    later: VecDeque<Parcel>,
    /// Sent over the present connection.
    sent: BTreeMap<u64, Parcel>,
    /// The last event of each run that was sent.
    last_of_run: HashMap<TaskRunId, u64>,
    next: u64,
    /// So many of those that were sent are recorded, though it is not known which.
    recorded: usize,
    /// Events without a task run that the server has read, lately.
    read: VecDeque<Parcel>,
}

/// So many events are remembered after the server has read them, in case that it ends before it has recorded them.
const REMEMBERED: usize = 500;

impl Window {
    /// So many events are on their way at most.
    pub(super) const MOST: usize = 2_000;

    pub(super) fn push(&mut self, parcel: Parcel) {
        self.waiting.push_back(parcel);
    }

    pub(super) fn push_later(&mut self, parcel: Parcel) {
        self.later.push_back(parcel);
    }

    /// How many events wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.later.len()
    }

    /// How many were sent, and may not have been recorded.
    pub(super) fn on_their_way(&self) -> usize {
        self.sent.len() - self.recorded.min(self.sent.len())
    }

    /// How many were sent and are not known to be recorded.
    pub(super) fn unconfirmed(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.later.is_empty() && self.sent.is_empty()
    }

    /// True if something waits, and there is no room for it.
    pub(super) fn is_full(&self) -> bool {
        self.waiting() > 0 && self.on_their_way() >= Self::MOST
    }

    /// The next event to send, as text. A pulse is not heard of again.
    pub(super) fn send_next(&mut self) -> Option<String> {
        if self.on_their_way() >= Self::MOST {
            return None;
        }
        let mut parcel = self.waiting.pop_front().or_else(|| self.later.pop_front())?;
        if parcel.event.subject == Subject::Pulse {
            return Some(parcel.event.text);
        }
        let text = parcel.event.text.clone();
        let number = self.next;
        self.next += 1;
        parcel.former = match parcel.event.subject {
            Subject::TaskRun { id, .. } => self.last_of_run.insert(id, number),
            Subject::Other | Subject::Pulse => None,
        };
        self.sent.insert(number, parcel);
        Some(text)
    }

    /// What may be asked about: the last events of runs.
    pub(super) fn groups(&self) -> Vec<Group> {
        let mut groups: BTreeMap<Shows, Vec<(u64, Uuid)>> = BTreeMap::new();
        for (&number, parcel) in &self.sent {
            let Subject::TaskRun { id, shows_end, .. } = parcel.event.subject else { continue };
            if self.last_of_run.get(&id) != Some(&number) {
                continue;
            }
            let shows = match shows_end {
                true => Shows::Ended,
                false => Shows::Named(parcel.event.state_name().to_owned()),
            };
            groups.entry(shows).or_default().push((number, id.into()));
        }
        groups.into_iter().map(|(shows, events)| Group { shows, events }).collect()
    }

    /// So many of what was sent are recorded beside those that are confirmed.
    pub(super) const fn note_recorded(&mut self, count: usize) {
        self.recorded = count;
    }

    /// The server has recorded the event with this number; then also what was sent before of the same run.
    pub(super) fn confirm(&mut self, number: u64, confirmed: &mut Vec<Parcel>) {
        let Some(Subject::TaskRun { id, .. }) = self.sent.get(&number).map(|it| it.event.subject)
        else {
            return;
        };
        if self.last_of_run.get(&id) == Some(&number) {
            self.last_of_run.remove(&id);
        }
        let mut next = Some(number);
        while let Some(parcel) = next.and_then(|number| self.sent.remove(&number)) {
            next = parcel.former;
            confirmed.push(parcel);
        }
    }

    /// A task run has entered its last state at `entered`, as far as the server knows.
    pub(super) fn confirm_until(
        &mut self,
        run: TaskRunId,
        entered: Timestamp,
        confirmed: &mut Vec<Parcel>,
    ) {
        let mut next = self.last_of_run.get(&run).copied();
        while let Some(number) = next {
            let Some(parcel) = self.sent.get(&number) else { return };
            let Subject::TaskRun { occurred, .. } = parcel.event.subject else { return };
            if is_recorded(occurred, entered) {
                return self.confirm(number, confirmed);
            }
            next = parcel.former;
        }
    }

    /// The number of the last event that was sent.
    pub(super) const fn last_number(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// True if there are events without a task run on their way.
    pub(super) fn has_others(&self) -> bool {
        self.sent.values().any(|parcel| parcel.event.subject == Subject::Other)
    }

    /// The server has read all events up to this number. Of those without a task run nobody can ask more.
    pub(super) fn confirm_read(&mut self, number: u64, read: &mut Vec<Parcel>) {
        let numbers: Vec<u64> = self
            .sent
            .range(..=number)
            .filter(|(_, parcel)| parcel.event.subject == Subject::Other)
            .map(|(number, _)| *number)
            .collect();
        for parcel in numbers.into_iter().filter_map(|number| self.sent.remove(&number)) {
            if self.read.len() == REMEMBERED {
                self.read.pop_front();
            }
            self.read.push_back(Parcel::new(parcel.event.clone(), None));
            read.push(parcel);
        }
    }

    /// The server has had time to record what it has read.
    pub(super) fn forget_read(&mut self) {
        self.read.clear();
    }

    /// The connection has ended: what is not known to be recorded waits to be sent again, in its order. Gives back what
    /// had been delivered as far as anybody could know, and is sent again all the same.
    pub(super) fn disconnected(&mut self) {
        let sent = std::mem::take(&mut self.sent);
        self.last_of_run.clear();
        self.recorded = 0;
        for mut parcel in sent.into_values().rev() {
            parcel.former = None;
            parcel.was_sent = true;
            self.waiting.push_front(parcel);
        }
        for parcel in std::mem::take(&mut self.read).into_iter().rev() {
            let event = Event { subject: Subject::Pulse, ..parcel.event };
            self.waiting.push_front(Parcel::new(event, None));
        }
    }

    /// The last events of runs that were sent over a connection that has ended.
    pub(super) fn sent_before(&self) -> Vec<(u64, Uuid)> {
        let mut runs = HashSet::new();
        let sent = self.waiting.iter().filter(|parcel| parcel.was_sent);
        let ids = sent.filter_map(|parcel| match parcel.event.subject {
            Subject::TaskRun { id, .. } => runs.insert(id).then_some((0, id.into())),
            Subject::Other | Subject::Pulse => None,
        });
        ids.collect()
    }

    /// A task run, of which something was sent over a connection that has ended, has entered its last state at `entered`,
    /// as far as the server knows: what was entered until then need not be sent again.
    pub(super) fn confirm_sent_before(
        &mut self,
        known: &HashMap<Uuid, Timestamp>,
        confirmed: &mut Vec<Parcel>,
    ) {
        let is_known = |parcel: &Parcel| match parcel.event.subject {
            Subject::TaskRun { id, occurred, .. } if parcel.was_sent => {
                known.get(&id.into()).is_some_and(|entered| is_recorded(occurred, *entered))
            }
            _ => false,
        };
        let (done, rest) = std::mem::take(&mut self.waiting).into_iter().partition(is_known);
        self.waiting = rest;
        confirmed.extend::<VecDeque<_>>(done);
    }

    /// True if the event with this number is on its way.
    pub(super) fn contains(&self, number: u64) -> bool {
        self.sent.contains_key(&number)
    }

    /// The server does not know the event with this number, though it had the time: it is sent again, with all of the same
    /// run, under ids that the server has not seen. Not more than `most` times; false if it was.
    pub(super) fn send_again(&mut self, number: u64, most: u32) -> bool {
        if self.sent.get(&number).is_none_or(|parcel| parcel.repeats >= most) {
            return false;
        }
        let mut parcels = Vec::new();
        self.confirm(number, &mut parcels);
        for mut parcel in parcels {
            parcel.repeats += 1;
            parcel.former = None;
            parcel.event.make_repeatable();
            self.waiting.push_front(parcel);
        }
        true
    }

    /// The flow runs of events that were sent again at least `times`.
    pub(super) fn repeated(&self, times: u32) -> HashSet<Uuid> {
        let repeated = self.sent.values().filter(|parcel| parcel.repeats >= times);
        repeated.filter_map(|parcel| parcel.event.flow_run.map(Uuid::from)).collect()
    }

    /// Takes out what belongs to flow runs; everything, if none are named.
    pub(super) fn take(&mut self, family: Option<&HashSet<FlowRunId>>) -> Vec<Parcel> {
        let belongs = |parcel: &Parcel| match (family, parcel.event.flow_run) {
            (None, _) => true,
            (Some(family), Some(id)) => family.contains(&id),
            (Some(_), None) => false,
        };
        let mut taken = Vec::new();
        let numbers: Vec<u64> =
            self.sent.iter().filter(|(_, it)| belongs(it)).map(|(number, _)| *number).collect();
        for number in numbers {
            let Some(parcel) = self.sent.remove(&number) else { continue };
            if let Subject::TaskRun { id, .. } = parcel.event.subject
                && self.last_of_run.get(&id) == Some(&number)
            {
                self.last_of_run.remove(&id);
            }
            taken.push(parcel);
        }
        for queue in [&mut self.waiting, &mut self.later] {
            let (out, rest) = std::mem::take(queue).into_iter().partition(|it| belongs(it));
            *queue = rest;
            taken.extend::<VecDeque<_>>(out);
        }
        self.recorded = self.recorded.min(self.sent.len());
        taken
    }
}

/// True if a state that was entered at `occurred` is among those of a run that has entered its last one at `entered`. The
/// server keeps microseconds.
fn is_recorded(occurred: Timestamp, entered: Timestamp) -> bool {
    occurred.as_nanos().div_euclid(1_000) <= entered.as_nanos().div_euclid(1_000)
}
