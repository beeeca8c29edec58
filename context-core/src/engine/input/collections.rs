//! Collections of futures, as inputs for the same collections of values.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::annotated::AllowFailure;
use super::{Input, IntoInput, Upstream};
use crate::engine::future::TaskFuture;
use crate::engine::futures::TaskFutures;
use crate::state::{RunError, StateType};

/// How the value of an ended run is taken: `A` is what a future of a `T` gives.
trait Take<T> {
    type Taken: 'static;
    fn take(future: TaskFuture<T>) -> Result<Self::Taken, RunError>;
}

/// The value; anything else is an upstream that is not ready.
struct Completed;

impl<T: 'static> Take<T> for Completed {
    type Taken = T;

    fn take(future: TaskFuture<T>) -> Result<T, RunError> {
        future.take_completed()
    }
}

/// The value, or the error of a run that failed or was not ready.
struct Allowed;

impl<T: 'static> Take<T> for Allowed {
    type Taken = Result<T, RunError>;

    fn take(future: TaskFuture<T>) -> Result<Result<T, RunError>, RunError> {
        let state = future.state();
        let allowed = state.is_completed()
            || state.state_type() == StateType::Failed
            || state.name() == "NotReady";
        if allowed { Ok(future.take()) } else { future.take_completed().map(Ok) }
    }
}

/// An input that waits for all `futures` and gives what `take` makes of them.
fn later<A: 'static, F: Send + 'static>(
    futures: F,
    each: impl FnOnce(&F, &mut dyn FnMut(Arc<dyn Upstream>)),
    take: fn(F) -> Result<A, RunError>,
) -> Input<A> {
    let mut upstreams = Vec::new();
    each(&futures, &mut |upstream| upstreams.push(upstream));
    Input::later(upstreams, move || take(futures))
}

/// Implements a collection of futures twice: as it is, and with failures allowed.
macro_rules! collections {
    ($(
        [$($generics:tt)*] $futures:ty => $plain:ty | $allowed:ty,
        |$each:ident| $upstreams:expr,
        |$given:ident, $how:ident| $take:expr;
    )+) => {$(
        impl<$($generics)*> IntoInput<$plain> for $futures {
            fn into_input(self) -> Input<$plain> {
                type $how = Completed;
                later(
                    self,
                    |$each, push| $upstreams.for_each(push),
                    |$given| $take,
                )
            }
        }

        impl<$($generics)*> IntoInput<$allowed> for AllowFailure<$futures> {
            fn into_input(self) -> Input<$allowed> {
                type $how = Allowed;
                later(
                    self.into_inner(),
                    |$each, push| $upstreams.for_each(push),
                    |$given| $take,
                )
            }
        }
    )+};
}

collections! {
    [A: Send + 'static] Vec<TaskFuture<A>> => Vec<A> | Vec<Result<A, RunError>>,
    |futures| futures.iter().map(TaskFuture::upstream),
    |futures, How| futures.into_iter().map(How::take).collect();

    [A: Send + 'static] Option<TaskFuture<A>> => Option<A> | Option<Result<A, RunError>>,
    |futures| futures.iter().map(TaskFuture::upstream),
    |futures, How| futures.map(How::take).transpose();

    [K: Ord + Send + 'static, A: Send + 'static]
    BTreeMap<K, TaskFuture<A>> => BTreeMap<K, A> | BTreeMap<K, Result<A, RunError>>,
    |futures| futures.values().map(TaskFuture::upstream),
    |futures, How| futures.into_iter().map(|(key, future)| Ok((key, How::take(future)?))).collect();

    [K: Eq + Hash + Send + 'static, A: Send + 'static, S: BuildHasher + Default + Send + 'static]
    HashMap<K, TaskFuture<A>, S> => HashMap<K, A, S> | HashMap<K, Result<A, RunError>, S>,
    |futures| futures.values().map(TaskFuture::upstream),
    |futures, How| futures.into_iter().map(|(key, future)| Ok((key, How::take(future)?))).collect();

    [A: Send + 'static, B: Send + 'static]
    (TaskFuture<A>, TaskFuture<B>) => (A, B) | (Result<A, RunError>, Result<B, RunError>),
    |futures| [futures.0.upstream(), futures.1.upstream()].into_iter(),
    |futures, How| Ok((How::take(futures.0)?, How::take(futures.1)?));

    [A: Send + 'static, B: Send + 'static, C: Send + 'static]
    (TaskFuture<A>, TaskFuture<B>, TaskFuture<C>)
    => (A, B, C) | (Result<A, RunError>, Result<B, RunError>, Result<C, RunError>),
    |futures| [futures.0.upstream(), futures.1.upstream(), futures.2.upstream()].into_iter(),
    |futures, How| Ok((How::take(futures.0)?, How::take(futures.1)?, How::take(futures.2)?));

    [A: Send + 'static, B: Send + 'static, C: Send + 'static, D: Send + 'static]
    (TaskFuture<A>, TaskFuture<B>, TaskFuture<C>, TaskFuture<D>)
    => (A, B, C, D)
        | (Result<A, RunError>, Result<B, RunError>, Result<C, RunError>, Result<D, RunError>),
    |futures| {
        let (a, b, c, d) = futures;
        [a.upstream(), b.upstream(), c.upstream(), d.upstream()].into_iter()
    },
    |futures, How| {
        let (a, b, c, d) = futures;
        Ok((How::take(a)?, How::take(b)?, How::take(c)?, How::take(d)?))
    };
}

impl<A: Send + 'static, const N: usize> IntoInput<[A; N]> for [TaskFuture<A>; N] {
    fn into_input(self) -> Input<[A; N]> {
        array::<A, Completed, N>(self)
    }
}

impl<A: Send + 'static, const N: usize> IntoInput<[Result<A, RunError>; N]>
    for AllowFailure<[TaskFuture<A>; N]>
{
    fn into_input(self) -> Input<[Result<A, RunError>; N]> {
        array::<A, Allowed, N>(self.into_inner())
    }
}

fn array<A: Send + 'static, How: Take<A>, const N: usize>(
    futures: [TaskFuture<A>; N],
) -> Input<[How::Taken; N]> {
    let each = |futures: &[TaskFuture<A>; N], push: &mut dyn FnMut(Arc<dyn Upstream>)| {
        futures.iter().map(TaskFuture::upstream).for_each(push);
    };
    later(futures, each, |futures| {
        let taken: Vec<How::Taken> =
            futures.into_iter().map(How::take).collect::<Result<_, _>>()?;
        let as_many = |_| unreachable!("an array has as many values as futures");
        Ok(taken.try_into().unwrap_or_else(as_many))
    })
}

impl<A: Send + 'static> IntoInput<Result<A, RunError>> for AllowFailure<TaskFuture<A>> {
    fn into_input(self) -> Input<Result<A, RunError>> {
        let future = self.into_inner();
        Input::later(vec![future.upstream()], move || Allowed::take(future))
    }
}

impl<A: Clone + Send + 'static> IntoInput<Result<A, RunError>> for AllowFailure<&TaskFuture<A>> {
    fn into_input(self) -> Input<Result<A, RunError>> {
        super::allow_failure(self.into_inner().clone()).into_input()
    }
}

/// The futures of a list, or an input that is an error because there are none.
fn listed<A, B>(
    list: TaskFutures<A>,
    input: impl FnOnce(Vec<TaskFuture<A>>) -> Input<B>,
) -> Input<B> {
    match list.into_futures() {
        Ok(futures) => input(futures),
        Err(error) => Input::later(Vec::new(), move || Err(error)),
    }
}

impl<A: Send + 'static> IntoInput<Vec<A>> for TaskFutures<A> {
    fn into_input(self) -> Input<Vec<A>> {
        listed(self, IntoInput::into_input)
    }
}

impl<A: Clone + Send + 'static> IntoInput<Vec<A>> for &TaskFutures<A> {
    fn into_input(self) -> Input<Vec<A>> {
        self.clone().into_input()
    }
}

impl<A: Send + 'static> IntoInput<Vec<Result<A, RunError>>> for AllowFailure<TaskFutures<A>> {
    fn into_input(self) -> Input<Vec<Result<A, RunError>>> {
        listed(self.into_inner(), |futures| super::allow_failure(futures).into_input())
    }
}

impl<A: Clone + Send + 'static> IntoInput<Vec<Result<A, RunError>>>
    for AllowFailure<&TaskFutures<A>>
{
    fn into_input(self) -> Input<Vec<Result<A, RunError>>> {
        super::allow_failure(self.into_inner().clone()).into_input()
    }
}
