use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::line::Kind;
use super::*;

struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Set {
        name: usize,
        total: u32,
        decay: Option<u32>,
    },
    Remove {
        name: usize,
    },
    Request {
        names: Vec<usize>,
        slots: u32,
        spend: bool,
        strict: bool,
    },
    /// Asks again, or leaves, or gives back: whoever is at this index.
    Poll {
        who: usize,
    },
    Leave {
        who: usize,
    },
    Release {
        who: usize,
    },
    Pass {
        millis: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0..NAMES.len();
    let step = prop_oneof![
        1 => (name.clone(), 0u32..4, proptest::option::weighted(0.3, 1u32..5))
            .prop_map(|(name, total, decay)| Step::Set { name, total, decay }),
        1 => name.prop_map(|name| Step::Remove { name }),
        8 => (vec(0..NAMES.len(), 0..4), 0u32..3, any::<bool>(), any::<bool>()).prop_map(
            |(names, slots, spend, strict)| Step::Request { names, slots, spend, strict }
        ),
        6 => any::<usize>().prop_map(|who| Step::Poll { who }),
        2 => any::<usize>().prop_map(|who| Step::Leave { who }),
        6 => any::<usize>().prop_map(|who| Step::Release { who }),
        2 => (1u32..2_000).prop_map(|millis| Step::Pass { millis }),
    ];
    vec(step, 1..120)
}

/// A registry, and what its users know.
struct World {
    registry: Registry,
    now: Timestamp,
    waiting: Vec<(Ticket, u32)>,
    holders: Vec<(Vec<Taken>, u32)>,
}

impl World {
    fn new() -> Self {
        let now = Timestamp::from_nanos(0);
        let (waiting, holders) = (Vec::new(), Vec::new());
        Self { registry: Registry::new(), now, waiting, holders }
    }

    fn run(&mut self, step: Step) {
        let (now, mut effects) = (self.now, Effects::default());
        let registry = &mut self.registry;
        match step {
            Step::Set { name, total, decay } => {
                registry.set(NAMES[name], total, decay.map(f64::from), now, &mut effects);
            }
            Step::Remove { name } => {
                registry.remove(NAMES[name], now, &mut effects);
            }
            Step::Request { names, slots, spend, strict } => {
                let request = Request {
                    names: names.into_iter().map(|name| NAMES[name].into()).collect(),
                    slots,
                    kind: if spend { Kind::Spend } else { Kind::Hold },
                    unknown: if strict { Unknown::Refuse } else { Unknown::Ignore },
                };
                match registry.request(request, now, &mut effects) {
                    Ok(Answer::Granted(taken)) => self.holders.push((taken, slots)),
                    Ok(Answer::Wait(ticket)) => self.waiting.push((ticket, slots)),
                    Err(_) => {}
                }
            }
            Step::Poll { who } if !self.waiting.is_empty() => {
                let (ticket, slots) = self.waiting[who % self.waiting.len()];
                if let Progress::Done(outcome) =
                    registry.progress(ticket, Waker::noop(), now, &mut effects)
                {
                    self.waiting.retain(|(waiting, _)| *waiting != ticket);
                    self.holders.extend(outcome.ok().map(|taken| (taken, slots)));
                }
            }
            Step::Leave { who } if !self.waiting.is_empty() => {
                let (ticket, _) = self.waiting.remove(who % self.waiting.len());
                registry.leave(ticket, now, &mut effects);
            }
            Step::Release { who } if !self.holders.is_empty() => {
                let (taken, slots) = self.holders.remove(who % self.holders.len());
                registry.release(&taken, slots, now, &mut effects);
            }
            Step::Pass { millis } => self.now = now.plus(Duration::from_millis(millis.into())),
            Step::Poll { .. } | Step::Leave { .. } | Step::Release { .. } => {}
        }
    }

    /// The slots that holders and granted waiters have, by limit.
    fn check(&mut self) {
        let mut held: HashMap<Arc<str>, u64> = HashMap::new();
        let granted = self.registry.waiters.values().filter_map(|waiter| match &waiter.outcome {
            Some(Ok(taken)) => Some((taken, waiter.request.slots)),
            _ => None,
        });
        let holders = self.holders.iter().map(|(taken, slots)| (taken, *slots));
        for (taken, slots) in holders.chain(granted) {
            for taken in taken.iter().filter(|taken| self.registry.lines.is_current(taken)) {
                *held.entry(Arc::clone(&taken.name)).or_default() += u64::from(slots);
            }
        }
        for limit in self.registry.lines.list(self.now) {
            let known = held.get(&*limit.name).copied().unwrap_or_default();
            assert!(limit.active_slots >= known, "{limit:?}, held {known}");
            if limit.slot_decay_per_second == 0.0 {
                assert_eq!(limit.active_slots, known, "{limit:?}");
            }
        }
        // Nobody waits for slots that are free and its turn. Where slots come back with time, they
        // may be: who waits for them measures the time and asks again.
        let decaying: Vec<_> = self.registry.lines.list(self.now);
        let decays = |name: &str| {
            decaying.iter().any(|limit| limit.name == name && limit.slot_decay_per_second > 0.0)
        };
        let lines = &mut self.registry.lines;
        for (ticket, waiter) in &self.registry.waiters {
            let request = &waiter.request;
            if waiter.outcome.is_none() && !request.names.iter().any(|name| decays(name)) {
                let free = lines.free(request, Some(*ticket), self.now);
                assert_eq!(free, Free::Later, "{ticket:?} waits for {request:?}");
            }
        }
    }

    /// Everybody asks again and everybody who has slots gives them back, until all is done.
    fn finish(&mut self) {
        for name in NAMES {
            if self.registry.lines.contains(name) {
                // What waits for a limit that is too small waits for this.
                let decay = self.registry.lines.list(self.now);
                let decay = decay.iter().find(|limit| limit.name == name);
                let decay = decay.map(|limit| limit.slot_decay_per_second).filter(|d| *d > 0.0);
                self.registry.set(name, 4, decay, self.now, &mut Effects::default());
            }
        }
        for _ in 0..10_000 {
            if self.waiting.is_empty() && self.holders.is_empty() {
                break;
            }
            (0..self.waiting.len()).for_each(|who| self.run(Step::Poll { who }));
            self.run(Step::Release { who: 0 });
            self.run(Step::Pass { millis: 500 });
            self.check();
        }
        assert!(self.waiting.is_empty(), "never served: {:?}", self.registry);
        assert!(self.registry.waiters.is_empty());
        for limit in self.registry.lines.list(self.now.plus(Duration::from_secs(60))) {
            assert_eq!((limit.active_slots, limit.waiting), (0, 0), "{limit:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn slots_are_never_lost_or_made_and_all_are_served(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
            world.check();
        }
        world.finish();
    }

    #[test]
    fn a_limit_that_stays_as_it_is_never_has_more_holders_than_slots(
        total in 1u32..4,
        steps in steps(),
    ) {
        let mut world = World::new();
        NAMES.iter().enumerate().for_each(|(name, _)| {
            world.run(Step::Set { name, total, decay: None });
        });
        for step in steps {
            if matches!(step, Step::Set { .. } | Step::Remove { .. }) {
                continue;
            }
            world.run(step);
            for limit in world.registry.lines.list(world.now) {
                prop_assert!(limit.active_slots <= u64::from(total));
            }
            world.check();
        }
        world.finish();
    }
}

fn hold(names: &[&str], slots: u32) -> Request {
    let names = names.iter().map(|name| (*name).into()).collect();
    Request { names, slots, kind: Kind::Hold, unknown: Unknown::Warn }
}

fn granted(answer: Result<Answer, ConcurrencyError>) -> Vec<Taken> {
    match answer {
        Ok(Answer::Granted(taken)) => taken,
        other => panic!("{other:?} is not granted"),
    }
}

fn ticket(answer: Result<Answer, ConcurrencyError>) -> Ticket {
    match answer {
        Ok(Answer::Wait(ticket)) => ticket,
        other => panic!("{other:?} does not wait"),
    }
}

#[test]
fn slots_go_to_those_who_wait_in_the_order_of_arrival() {
    let (mut registry, mut effects) = (Registry::new(), Effects::default());
    let now = Timestamp::from_nanos(0);
    registry.set("a", 2, None, now, &mut effects);
    let first = granted(registry.request(hold(&["a"], 1), now, &mut effects));
    // Needs both slots, so it waits, and the free slot waits with it.
    let both = ticket(registry.request(hold(&["a"], 2), now, &mut effects));
    let late = ticket(registry.request(hold(&["a"], 1), now, &mut effects));
    let ask = |registry: &mut Registry, ticket| {
        registry.progress(ticket, Waker::noop(), now, &mut Effects::default())
    };
    assert!(matches!(ask(&mut registry, late), Progress::Wait(None)));
    registry.release(&first, 1, now, &mut effects);
    assert!(matches!(ask(&mut registry, late), Progress::Wait(None)));
    let Progress::Done(Ok(taken)) = ask(&mut registry, both) else { panic!("not granted") };
    registry.release(&taken, 2, now, &mut effects);
    assert!(matches!(ask(&mut registry, late), Progress::Done(Ok(_))));
}

#[test]
fn one_who_goes_lets_the_next_one_pass() {
    let (mut registry, mut effects) = (Registry::new(), Effects::default());
    let now = Timestamp::from_nanos(0);
    registry.set("a", 1, None, now, &mut effects);
    registry.set("b", 1, None, now, &mut effects);
    let held = granted(registry.request(hold(&["a"], 1), now, &mut effects));
    let both = ticket(registry.request(hold(&["b", "a", "b"], 1), now, &mut effects));
    let next = ticket(registry.request(hold(&["b"], 1), now, &mut effects));
    let wakes = Arc::new(Counted(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&wakes));
    registry.progress(next, &waker, now, &mut effects);
    assert!(effects.wake.is_empty());
    registry.leave(both, now, &mut effects);
    effects.wake.drain(..).for_each(Waker::wake);
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(matches!(registry.progress(next, &waker, now, &mut effects), Progress::Done(Ok(_))));
    registry.release(&held, 1, now, &mut effects);
    let free = registry.request(hold(&["a"], 1), now, &mut effects);
    assert_eq!(granted(free).len(), 1);
}

#[test]
fn slots_of_a_limit_that_was_removed_do_not_count_for_its_successor() {
    let (mut registry, mut effects) = (Registry::new(), Effects::default());
    let now = Timestamp::from_nanos(0);
    registry.set("a", 1, None, now, &mut effects);
    let old = granted(registry.request(hold(&["a"], 1), now, &mut effects));
    assert!(registry.remove("a", now, &mut effects) && !registry.remove("a", now, &mut effects));
    registry.set("a", 1, None, now, &mut effects);
    let new = granted(registry.request(hold(&["a"], 1), now, &mut effects));
    registry.release(&old, 1, now, &mut effects);
    assert_eq!(registry.lines.list(now)[0].active_slots, 1);
    registry.release(&new, 1, now, &mut effects);
    assert_eq!(registry.lines.list(now)[0].active_slots, 0);
}

#[test]
fn spent_slots_come_back_at_their_rate() {
    let (mut registry, mut effects) = (Registry::new(), Effects::default());
    let start = Timestamp::from_nanos(0);
    registry.set("api", 2, Some(4.0), start, &mut effects);
    let spend = || Request { kind: Kind::Spend, ..hold(&["api"], 1) };
    assert!(granted(registry.request(spend(), start, &mut effects)).is_empty());
    granted(registry.request(spend(), start, &mut effects));
    let third = ticket(registry.request(spend(), start, &mut effects));
    let fourth = ticket(registry.request(spend(), start, &mut effects));
    let quarter = Duration::from_millis(250);
    let mut ask = |registry: &mut Registry, ticket, now| {
        registry.progress(ticket, Waker::noop(), now, &mut effects)
    };
    let Progress::Wait(Some(wait)) = ask(&mut registry, third, start) else { panic!("no time") };
    assert!(wait.abs_diff(quarter) < Duration::from_micros(1), "{wait:?}");
    assert!(matches!(ask(&mut registry, fourth, start), Progress::Wait(None)));
    let later = start.plus(quarter);
    assert!(matches!(ask(&mut registry, third, later), Progress::Done(Ok(_))));
    let Progress::Wait(Some(wait)) = ask(&mut registry, fourth, later) else { panic!("no time") };
    assert!(wait.abs_diff(quarter) < Duration::from_micros(1), "{wait:?}");
    // A clock that is set back costs no more than the time that it says is still to come.
    let Progress::Wait(Some(wait)) = ask(&mut registry, fourth, start) else { panic!("no time") };
    assert!(wait <= quarter.saturating_mul(2), "{wait:?}");
    assert!(matches!(ask(&mut registry, fourth, start.plus(quarter * 2)), Progress::Done(Ok(_))));
}

#[test]
fn a_change_reaches_those_who_wait() {
    let (mut registry, mut effects) = (Registry::new(), Effects::default());
    let now = Timestamp::from_nanos(0);
    registry.set("a", 2, None, now, &mut effects);
    granted(registry.request(hold(&["a"], 2), now, &mut effects));
    let two = ticket(registry.request(hold(&["a"], 2), now, &mut effects));
    let one = ticket(registry.request(hold(&["a"], 1), now, &mut effects));
    registry.set("a", 1, None, now, &mut effects);
    let answer = registry.progress(two, Waker::noop(), now, &mut effects);
    let Progress::Done(Err(error)) = answer else { panic!("{answer:?} is no error") };
    assert_eq!(
        error.to_string(),
        "2 slots of the concurrency limit `a` can never be had: it has 1"
    );
    let answer = registry.progress(one, Waker::noop(), now, &mut effects);
    assert!(matches!(answer, Progress::Wait(None)));
    registry.set("a", 3, None, now, &mut effects);
    let answer = registry.progress(one, Waker::noop(), now, &mut effects);
    assert!(matches!(answer, Progress::Done(Ok(_))));
}

#[test]
fn a_removed_limit_lets_all_pass_but_the_strict() {
    let (mut registry, mut effects) = (Registry::new(), Effects::default());
    let now = Timestamp::from_nanos(0);
    registry.set("a", 1, None, now, &mut effects);
    granted(registry.request(hold(&["a"], 1), now, &mut effects));
    let lax = ticket(registry.request(hold(&["a"], 1), now, &mut effects));
    let strict = Request { unknown: Unknown::Refuse, ..hold(&["a"], 1) };
    let strict = ticket(registry.request(strict, now, &mut effects));
    registry.remove("a", now, &mut effects);
    let answer = registry.progress(lax, Waker::noop(), now, &mut effects);
    assert!(matches!(answer, Progress::Done(Ok(taken)) if taken.is_empty()));
    assert_eq!(effects.warn, ["a".into()]);
    let answer = registry.progress(strict, Waker::noop(), now, &mut effects);
    assert!(matches!(answer, Progress::Done(Err(ConcurrencyError::UnknownLimit { .. }))));
}

#[test]
fn a_missing_limit_is_warned_about_once() {
    let (mut registry, mut effects) = (Registry::new(), Effects::default());
    let now = Timestamp::from_nanos(0);
    for _ in 0..3 {
        granted(registry.request(hold(&["x", "y"], 1), now, &mut effects));
    }
    let mut warned: Vec<_> = effects.warn.iter().map(|name| &**name).collect();
    warned.sort_unstable();
    assert_eq!(warned, ["x", "y"]);
    for number in 0..2 * MOST_WARNINGS {
        let name = number.to_string();
        granted(registry.request(hold(&[&name], 1), now, &mut effects));
    }
    assert_eq!(effects.warn.len(), MOST_WARNINGS);
}
