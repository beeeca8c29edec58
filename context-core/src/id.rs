//! Ids: which flow run, which task run, which of what they have told.
//!
//! An id is a UUID of version 7, so ids sort by the time of their creation. It is made from a
//! [`Timestamp`] that the caller has read anyway and from a generator that belongs to the thread,
//! without a system call: a task run can afford a fresh id.
//!
//! The generator is seeded once per thread from the operating system's entropy (through the
//! standard library's hasher). A forked process inherits the state of the forking thread and would
//! repeat its random bits, but not its timestamps; programs that fork without `exec` are not
//! supported by async runtimes either.
//!
//! This module knows the clock, but not what the ids name.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::clock::Timestamp;

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "invalid {kind} id {text:?}: expected a UUID such as `0190163d-8694-739b-aea5-966c26f8ad91`"
)]
pub struct InvalidId {
    kind: &'static str,
    text: String,
}

macro_rules! run_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id for what is created at `at`.
            ///
            /// Ids are unique across threads and processes, and sort by `at` (to a quarter of a
            /// microsecond). Times before 1970 count as 1970.
            #[inline]
            pub fn generate(at: Timestamp) -> Self {
                Self(time_ordered(at, random()))
            }

            /// The id as a UUID.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            /// The id as a number.
            pub const fn as_u128(self) -> u128 {
                self.0.as_u128()
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Accepts the forms that the server accepts: with hyphens or without, in any case.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = |_| InvalidId { kind: $kind, text: text.to_owned() };
                Uuid::try_parse(text).map(Self).map_err(invalid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

run_id! {
    /// The id of one run of a flow.
    ///
    /// # Examples
    ///
    /// ```
    /// use context_core::clock::Timestamp;
    /// use context_core::id::FlowRunId;
    ///
    /// let id = FlowRunId::generate(Timestamp::now());
    /// assert_eq!(id.to_string().parse::<FlowRunId>()?, id);
    /// # Ok::<(), context_core::id::InvalidId>(())
    /// ```
    FlowRunId, "flow run"
}

run_id! {
    /// The id of one run of a task. A retry keeps the id.
    TaskRunId, "task run"
}

run_id! {
    /// The id of one state of one run.
    StateId, "state"
}

run_id! {
    /// The id of an artifact.
    ArtifactId, "artifact"
}

run_id! {
    /// The id of an event.
    EventId, "event"
}

impl StateId {
    /// The id of a state that has none of its own.
    pub const NIL: Self = Self(Uuid::nil());
}

impl TaskRunId {
    /// The random key that tells this run apart from other runs of its task, in the form of a
    /// UUID of version 4.
    ///
    /// It is computed from the id, always the same, and so costs nothing until somebody asks.
    pub const fn dynamic_key(self) -> Uuid {
        let (high, low) = self.0.as_u64_pair();
        let high = scramble(high ^ scramble(low));
        let low = scramble(low ^ high);
        Uuid::from_u128(
            ((high as u128) << 64 | low as u128) & !VERSION_AND_VARIANT_MASK | 4 << 76 | 0b10 << 62,
        )
    }
}

const VERSION_AND_VARIANT_MASK: u128 = 0xf << 76 | 0b11 << 62;

/// A UUID of version 7: 48 bits of milliseconds, 12 bits of the fraction, 62 random bits.
#[inline]
fn time_ordered(at: Timestamp, random: u64) -> Uuid {
    let nanos = at.as_nanos().max(0).cast_unsigned();
    let millis = nanos / 1_000_000;
    // 4294 / 2^20 is just below 4096 / 1,000,000: the fraction never reaches 4096.
    let fraction = ((nanos % 1_000_000) * 4294) >> 20;
    let high = millis << 16 | 7 << 12 | fraction;
    let low = random & (u64::MAX >> 2) | 0b10 << 62;
    Uuid::from_u64_pair(high, low)
}

/// 64 random bits (wyrand).
#[inline]
fn random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one("context"));
    }
    // The cell has no destructor, so it can be used while the thread ends.
    STATE.with(|state| {
        let next = state.get().wrapping_add(0xa076_1d64_78bd_642f);
        state.set(next);
        let product = u128::from(next) * u128::from(next ^ 0xe703_7ed1_a0b4_28db);
        ((product >> 64) ^ product) as u64
    })
}

/// The finalizer of splitmix64: every bit of the input changes half of the output.
const fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn an_id_is_a_uuid_of_version_7_with_its_time() {
        let at = Timestamp::from_nanos(0x0190_163d_8694 * 1_000_000 + 999_999);
        let id = TaskRunId::generate(at).as_uuid();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert!(id.to_string().starts_with("0190163d-8694-7fff-"), "{id}");
    }

    #[test]
    fn threads_do_not_repeat_each_other() {
        let at = Timestamp::from_nanos(1);
        let threads: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(move || {
                    (0..2_000).map(|_| FlowRunId::generate(at)).collect::<Vec<_>>()
                })
            })
            .collect();
        let ids: HashSet<_> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 16_000);
    }

    #[test]
    fn dynamic_keys_are_stable_and_spread() {
        let at = Timestamp::from_nanos(7);
        let ids: Vec<_> = (0..4_000).map(|_| TaskRunId::generate(at)).collect();
        let keys: HashSet<_> = ids.iter().map(|id| id.dynamic_key()).collect();
        assert_eq!(keys.len(), ids.len());
        assert!(keys.iter().all(|key| key.get_version_num() == 4));
        assert!(keys.iter().all(|key| key.get_variant() == uuid::Variant::RFC4122));
        let prefixes: HashSet<_> = keys.iter().map(|key| key.to_string()[..3].to_owned()).collect();
        assert!(prefixes.len() > 2_000, "{}", prefixes.len());
        assert_eq!(ids[0].dynamic_key(), ids[0].dynamic_key());
    }

    #[test]
    fn forms_of_an_id() {
        let id: FlowRunId = "0190163D8694739BAEA5966C26F8AD91".parse().unwrap();
        assert_eq!(id.to_string(), "0190163d-8694-739b-aea5-966c26f8ad91");
        assert_eq!(format!("{id:?}"), "FlowRunId(0190163d-8694-739b-aea5-966c26f8ad91)");
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"0190163d-8694-739b-aea5-966c26f8ad91\"");
        assert_eq!(serde_json::from_str::<FlowRunId>(&json).unwrap(), id);
        let err = "run-1".parse::<TaskRunId>().unwrap_err();
        assert!(err.to_string().starts_with("invalid task run id \"run-1\": expected a UUID"));
    }

    proptest! {
        #[test]
        fn ids_sort_by_time(a in any::<i64>(), gap in 245i64..1_000_000_000) {
            let later = Timestamp::from_nanos(a.max(0).saturating_add(gap));
            let earlier = Timestamp::from_nanos(later.as_nanos() - gap);
            prop_assert!(FlowRunId::generate(earlier) < FlowRunId::generate(later));
        }

        #[test]
        fn text_never_panics(text in "\\PC{0,50}") {
            if let Err(err) = text.parse::<FlowRunId>() {
                prop_assert!(err.to_string().starts_with("invalid flow run id"));
            }
        }
    }
}
