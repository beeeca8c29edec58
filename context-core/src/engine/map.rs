//! Mapping: one run for each element.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::ops::{Range, RangeInclusive};

use super::future::TaskFuture;
use super::futures::TaskFutures;
use super::input::{AllowFailure, Input, IntoInput, Opaque, Quote, allow_failure};
use crate::state::{RunError, RunErrorKind};

/// One argument of `map`: an element for each run, or one value for all.
pub struct MapInput<A>(Inner<A>);

enum Inner<A> {
    Each(std::vec::IntoIter<Input<A>>),
    Same(Box<dyn FnMut() -> Input<A> + Send>),
    Failed(RunError),
}

impl<A> MapInput<A> {
    fn each<I: IntoInput<A>>(elements: impl IntoIterator<Item = I>) -> Self {
        let elements: Vec<_> = elements.into_iter().map(IntoInput::into_input).collect();
        Self(Inner::Each(elements.into_iter()))
    }

    /// How many runs it makes; `None` if it goes with any number.
    pub(super) fn len(&self) -> Result<Option<usize>, RunError> {
        match &self.0 {
            Inner::Each(elements) => Ok(Some(elements.len())),
            Inner::Same(_) => Ok(None),
            Inner::Failed(error) => Err(error.clone()),
        }
    }

    /// The next run's input.
    pub(super) fn next(&mut self) -> Option<Input<A>> {
        match &mut self.0 {
            Inner::Each(elements) => elements.next(),
            Inner::Same(same) => Some(same()),
            Inner::Failed(_) => None,
        }
    }
}

impl<A> fmt::Debug for MapInput<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Each(elements) => write!(f, "MapInput::Each({} elements)", elements.len()),
            Inner::Same(_) => f.write_str("MapInput::Same(..)"),
            Inner::Failed(error) => f.debug_tuple("MapInput::Failed").field(error).finish(),
        }
    }
}

/// The number of runs that arguments of these lengths make.
pub(super) fn agreed_length(
    task: &'static str,
    lengths: &[(&'static str, Option<usize>)],
) -> Result<usize, RunError> {
    let mapped: Vec<_> =
        lengths.iter().filter_map(|(name, length)| length.map(|length| (*name, length))).collect();
    match mapped.as_slice() {
        [] => Err(RunErrorKind::MappingMissingIterable { task }.into()),
        [(_, first), others @ ..] if others.iter().all(|(_, length)| length == first) => Ok(*first),
        _ => Err(RunErrorKind::MappingLengthMismatch { task, lengths: mapped }.into()),
    }
}

/// What can be given to `map` for a parameter of type `A`: an iterable whose elements are inputs for `A`, or
/// [`unmapped`]`(x)`.
///
/// Iterables are vectors, arrays, slices of cloneable elements, ranges, sets, the keys of maps, and [`TaskFutures`]; with
/// `allow_failure` around futures, each element is a `Result<A, RunError>`. In [`quote`](super::quote)`(list)` the elements
/// are given as they are: `map(quote(futures))` gives each run the future itself. Text is a value and never mapped over.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be mapped over a parameter of type `{A}`",
    label = "expected an iterable of `{A}` or of task futures of it",
    note = "collect an iterator into a `Vec` first, or write `quote(iterator)`; wrap a value that all runs share in `unmapped(..)`; await a single future of a collection first"
)]
pub trait IntoMapInput<A> {
    /// The argument.
    fn into_map_input(self) -> MapInput<A>;
}

impl<A> IntoMapInput<A> for MapInput<A> {
    fn into_map_input(self) -> Self {
        self
    }
}

macro_rules! mapped {
    ($([$($generics:tt)*] $collection:ty;)+) => {$(
        impl<A, I: IntoInput<A>, $($generics)*> IntoMapInput<A> for $collection {
            fn into_map_input(self) -> MapInput<A> {
                MapInput::each(self)
            }
        }
    )+};
}

mapped! {
    [] Vec<I>;
    [] VecDeque<I>;
    [] BTreeSet<I>;
    [S] HashSet<I, S>;
    [const N: usize] [I; N];
}

impl<A, I: IntoInput<A> + Clone> IntoMapInput<A> for &[I] {
    fn into_map_input(self) -> MapInput<A> {
        MapInput::each(self.iter().cloned())
    }
}

impl<A, I: IntoInput<A> + Clone> IntoMapInput<A> for &Vec<I> {
    fn into_map_input(self) -> MapInput<A> {
        self.as_slice().into_map_input()
    }
}

impl<A, K: IntoInput<A>, V> IntoMapInput<A> for BTreeMap<K, V> {
    fn into_map_input(self) -> MapInput<A> {
        MapInput::each(self.into_keys())
    }
}

impl<A, K: IntoInput<A>, V, S> IntoMapInput<A> for HashMap<K, V, S> {
    fn into_map_input(self) -> MapInput<A> {
        MapInput::each(self.into_keys())
    }
}

impl<A> IntoMapInput<A> for Range<A>
where
    Self: Iterator<Item = A>,
{
    fn into_map_input(self) -> MapInput<A> {
        MapInput::each(self)
    }
}

impl<A> IntoMapInput<A> for RangeInclusive<A>
where
    Self: Iterator<Item = A>,
{
    fn into_map_input(self) -> MapInput<A> {
        MapInput::each(self)
    }
}

impl<A: Send + 'static> IntoMapInput<A> for TaskFutures<A> {
    fn into_map_input(self) -> MapInput<A> {
        match self.into_futures() {
            Ok(futures) => MapInput::each(futures),
            Err(error) => MapInput(Inner::Failed(error)),
        }
    }
}

impl<A: Clone + Send + 'static> IntoMapInput<A> for &TaskFutures<A> {
    fn into_map_input(self) -> MapInput<A> {
        self.clone().into_map_input()
    }
}

impl<A: Send + 'static> IntoMapInput<Result<A, RunError>> for AllowFailure<TaskFutures<A>> {
    fn into_map_input(self) -> MapInput<Result<A, RunError>> {
        match self.into_inner().into_futures() {
            Ok(futures) => allow_failure(futures).into_map_input(),
            Err(error) => MapInput(Inner::Failed(error)),
        }
    }
}

impl<A: Clone + Send + 'static> IntoMapInput<Result<A, RunError>>
    for AllowFailure<&TaskFutures<A>>
{
    fn into_map_input(self) -> MapInput<Result<A, RunError>> {
        allow_failure(self.into_inner().clone()).into_map_input()
    }
}

impl<A: Send + 'static> IntoMapInput<Result<A, RunError>> for AllowFailure<Vec<TaskFuture<A>>> {
    fn into_map_input(self) -> MapInput<Result<A, RunError>> {
        MapInput::each(self.into_inner().into_iter().map(allow_failure))
    }
}

impl<A: Send + 'static, const N: usize> IntoMapInput<Result<A, RunError>>
    for AllowFailure<[TaskFuture<A>; N]>
{
    fn into_map_input(self) -> MapInput<Result<A, RunError>> {
        MapInput::each(self.into_inner().into_iter().map(allow_failure))
    }
}

/// The list is mapped over; what is quoted are its elements.
impl<A, C: IntoIterator<Item = A>> IntoMapInput<A> for Quote<C> {
    fn into_map_input(self) -> MapInput<A> {
        let elements: Vec<_> = self.into_inner().into_iter().map(Input::ready).collect();
        MapInput(Inner::Each(elements.into_iter()))
    }
}

impl<A, C: IntoMapInput<A>> IntoMapInput<A> for Opaque<C> {
    fn into_map_input(self) -> MapInput<A> {
        self.into_inner().into_map_input()
    }
}

/// A value that all runs of a `map` share; made by [`unmapped`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Unmapped<T>(T);

/// Gives every run of a `map` the same value instead of one element each.
pub const fn unmapped<T>(value: T) -> Unmapped<T> {
    Unmapped(value)
}

impl<A, T> IntoMapInput<A> for Unmapped<T>
where
    T: IntoInput<A> + Clone + Send + 'static,
{
    fn into_map_input(self) -> MapInput<A> {
        let value = self.0;
        MapInput(Inner::Same(Box::new(move || value.clone().into_input())))
    }
}
