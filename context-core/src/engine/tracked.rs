//! Tracked values: results of direct calls that know which run made them.
//!
//! A plain call gives what its function returns, and nothing tells where such a value came from. A tracked call gives the
//! value together with its run's id. It is an input like a future, of a run that has ended.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::Deref;
use std::sync::Arc;
use std::task::Waker;

use super::glue::Fallible;
use super::input::{Input, IntoInput, Upstream, WaitFor};
use super::map::{IntoMapInput, MapInput};
use crate::clock::Timestamp;
use crate::id::TaskRunId;
use crate::state::{RunError, State, StateType};

/// A value, and the task run that made it.
///
/// `fetch::tracked(url)` calls a task directly, as `fetch(url)` does, and gives its value in a `Tracked`; of a `Result`,
/// what is in its `Ok`. It can be used like the value, and be given where a future could: to `submit`, `map`,
/// `with_options()` and other tracked calls. The run that gets it has the run that made it among its inputs, and the
/// assets that it carries on among its upstream assets.
///
/// # Examples
///
/// ```
/// use context_core::engine::Tracked;
///
/// fn sum(rows: &Tracked<Vec<u32>>) -> u32 {
///     rows.iter().sum() // as of the vector itself
/// }
///
/// fn shorter(rows: Tracked<Vec<u32>>) -> Tracked<usize> {
///     Tracked::map(rows, |rows| rows.len()) // still of that run
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "it holds what the run has made"]
pub struct Tracked<T> {
    value: T,
    run: TaskRunId,
}

impl<T> Tracked<T> {
    /// Says that `run` has made `value`.
    pub const fn new(value: T, run: TaskRunId) -> Self {
        Self { value, run }
    }

    /// The run that made the value.
    pub const fn task_run_id(&self) -> TaskRunId {
        self.run
    }

    /// The value by itself. What is made of it has no lineage any more.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// What `change` makes of the value, as of the same run.
    ///
    /// A function and no method, so that it hides none of the value's own: `Tracked::map(rows, |rows| rows.len())`.
    pub fn map<U>(this: Self, change: impl FnOnce(T) -> U) -> Tracked<U> {
        Tracked { value: change(this.value), run: this.run }
    }

    /// A tracked reference to the value.
    pub const fn as_ref(this: &Self) -> Tracked<&T> {
        Tracked { value: &this.value, run: this.run }
    }

    fn upstream(&self) -> Arc<dyn Upstream> {
        Arc::new(Completed(self.run))
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked").field("value", &self.value).field("run", &self.run).finish()
    }
}

impl<T: fmt::Display> fmt::Display for Tracked<T> {
    /// The value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// The value of an output that cannot fail, tracked.
pub type TrackedWhole<R> = Tracked<R>;

/// The output of a function that can fail, with its value tracked.
pub type TrackedSuccess<R> = <R as Fallible>::With<Tracked<<R as Fallible>::Value>>;

/// Tracks the value in `output`, if it is a good one.
pub fn track_success<R: Fallible>(output: R, run: TaskRunId) -> TrackedSuccess<R> {
    output.map_value(|value| Tracked::new(value, run))
}

/// A run that has completed.
#[derive(Debug)]
struct Completed(TaskRunId);

impl Upstream for Completed {
    fn task_run_id(&self) -> TaskRunId {
        self.0
    }

    fn reported_as(&self) -> Option<TaskRunId> {
        None
    }

    fn poll_end(&self, _: &Waker) -> Option<State> {
        Some(self.wait_end())
    }

    fn wait_end(&self) -> State {
        State::new(StateType::Completed, Timestamp::UNIX_EPOCH)
    }

    fn check_blocking(&self) -> Result<(), RunError> {
        Ok(())
    }
}

/// An input that is there, and was made by these runs.
fn made<A: Send + 'static>(
    runs: impl IntoIterator<Item = Arc<dyn Upstream>>,
    value: A,
) -> Input<A> {
    Input::later(runs.into_iter().collect(), move || Ok(value))
}

impl<A: Send + 'static> IntoInput<A> for Tracked<A> {
    fn into_input(self) -> Input<A> {
        made([self.upstream()], self.value)
    }
}

impl<A: Clone + Send + 'static> IntoInput<A> for &Tracked<A> {
    fn into_input(self) -> Input<A> {
        self.clone().into_input()
    }
}

/// Collections of tracked values, for the same collections of values.
macro_rules! collections {
    ($(
        [$($generics:tt)*] $tracked:ty => $plain:ty, |$of:ident| $runs:expr, $values:expr;
    )+) => {$(
        impl<$($generics)*> IntoInput<$plain> for $tracked {
            fn into_input(self) -> Input<$plain> {
                let $of = self;
                let runs: Vec<Arc<dyn Upstream>> = $runs;
                made(runs, $values)
            }
        }
    )+};
}

collections! {
    [A: Send + 'static] Vec<Tracked<A>> => Vec<A>,
    |all| all.iter().map(Tracked::upstream).collect(),
    all.into_iter().map(Tracked::into_inner).collect();

    [A: Send + 'static, const N: usize] [Tracked<A>; N] => [A; N],
    |all| all.iter().map(Tracked::upstream).collect(),
    all.map(Tracked::into_inner);

    [A: Send + 'static] Option<Tracked<A>> => Option<A>,
    |all| all.iter().map(Tracked::upstream).collect(),
    all.map(Tracked::into_inner);

    [K: Ord + Send + 'static, A: Send + 'static] BTreeMap<K, Tracked<A>> => BTreeMap<K, A>,
    |all| all.values().map(Tracked::upstream).collect(),
    all.into_iter().map(|(key, value)| (key, value.into_inner())).collect();

    [K: Eq + Hash + Send + 'static, A: Send + 'static, S: BuildHasher + Default + Send + 'static]
    HashMap<K, Tracked<A>, S> => HashMap<K, A, S>,
    |all| all.values().map(Tracked::upstream).collect(),
    all.into_iter().map(|(key, value)| (key, value.into_inner())).collect();

    [A: Send + 'static, B: Send + 'static] (Tracked<A>, Tracked<B>) => (A, B),
    |all| vec![all.0.upstream(), all.1.upstream()],
    (all.0.value, all.1.value);

    [A: Send + 'static, B: Send + 'static, C: Send + 'static]
    (Tracked<A>, Tracked<B>, Tracked<C>) => (A, B, C),
    |all| vec![all.0.upstream(), all.1.upstream(), all.2.upstream()],
    (all.0.value, all.1.value, all.2.value);

    [A: Send + 'static, B: Send + 'static, C: Send + 'static, D: Send + 'static]
    (Tracked<A>, Tracked<B>, Tracked<C>, Tracked<D>) => (A, B, C, D),
    |all| vec![all.0.upstream(), all.1.upstream(), all.2.upstream(), all.3.upstream()],
    (all.0.value, all.1.value, all.2.value, all.3.value);
}

/// Each element is of the run that made the list.
impl<A: Send + 'static> IntoMapInput<A> for Tracked<Vec<A>> {
    fn into_map_input(self) -> MapInput<A> {
        let run = self.run;
        let each = self.value.into_iter().map(|value| Tracked { value, run });
        each.collect::<Vec<_>>().into_map_input()
    }
}

impl<A: Clone + Send + 'static> IntoMapInput<A> for &Tracked<Vec<A>> {
    fn into_map_input(self) -> MapInput<A> {
        self.clone().into_map_input()
    }
}

impl<T> WaitFor for Tracked<T> {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        upstreams.push(self.upstream());
    }
}
