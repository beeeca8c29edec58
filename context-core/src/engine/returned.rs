//! Returned states: functions whose value says how the run ends.
//!
//! A flow or task may return a [`State`], several of them, or futures of runs. One state that was made by hand is the state
//! the run ends in. The states of other runs, and futures, decide together (see [`aggregate`]). Anything else that is
//! returned is data, also where states are in it: a list of lists, a map, a pair of a state and a number.

use std::sync::Arc;
use std::task::Waker;

use super::future::TaskFuture;
use super::futures::TaskFutures;
use super::glue::Verdict;
use super::input::Upstream;
use crate::clock::Timestamp;
use crate::state::{State, aggregate};

/// A value that says how its run ends.
pub trait ReturnedStates {
    /// `Err` unless the value is only data.
    ///
    /// # Errors
    ///
    /// With the state that the run ends in, or the runs that have to end before.
    fn verdict(&self) -> Result<(), Box<Verdict>>;
}

/// What several states say together.
fn together(states: &[State]) -> Result<(), Box<Verdict>> {
    match aggregate(states, Timestamp::now()) {
        None => Ok(()),
        Some(state) => Err(Box::new(Verdict::Returned(Box::new(state)))),
    }
}

impl<T> ReturnedStates for State<T> {
    fn verdict(&self) -> Result<(), Box<Verdict>> {
        let state = self.bare();
        let details = state.details();
        if details.task_run_id.is_some() || details.flow_run_id.is_some() {
            return together(&[state]);
        }
        Err(Box::new(Verdict::Returned(Box::new(state))))
    }
}

impl<T> ReturnedStates for [State<T>] {
    fn verdict(&self) -> Result<(), Box<Verdict>> {
        together(&self.iter().map(State::bare).collect::<Vec<_>>())
    }
}

impl<T> ReturnedStates for Vec<State<T>> {
    fn verdict(&self) -> Result<(), Box<Verdict>> {
        self.as_slice().verdict()
    }
}

impl<T, const N: usize> ReturnedStates for [State<T>; N] {
    fn verdict(&self) -> Result<(), Box<Verdict>> {
        self.as_slice().verdict()
    }
}

/// What runs say together, once all have ended.
fn ended(runs: &[Arc<dyn Upstream>]) -> Result<(), Box<Verdict>> {
    let states: Vec<_> = runs.iter().map(|run| run.poll_end(Waker::noop())).collect();
    let open =
        |(run, state): (&Arc<dyn Upstream>, &Option<State>)| state.is_none().then(|| run.clone());
    let open: Vec<_> = runs.iter().zip(&states).filter_map(open).collect();
    if !open.is_empty() {
        return Err(Box::new(Verdict::Unfinished(open)));
    }
    together(&states.into_iter().flatten().collect::<Vec<_>>())
}

impl<T: Send + 'static> ReturnedStates for TaskFuture<T> {
    fn verdict(&self) -> Result<(), Box<Verdict>> {
        ended(&[self.upstream()])
    }
}

impl<T: Send + 'static> ReturnedStates for Vec<TaskFuture<T>> {
    fn verdict(&self) -> Result<(), Box<Verdict>> {
        ended(&self.iter().map(TaskFuture::upstream).collect::<Vec<_>>())
    }
}

impl<T: Send + 'static> ReturnedStates for TaskFutures<T> {
    fn verdict(&self) -> Result<(), Box<Verdict>> {
        match self.error() {
            // Runs that could not be made have failed.
            Some(error) => {
                let state = State::failed(error.to_string()).with_error(error.clone());
                Err(Box::new(Verdict::Returned(Box::new(state))))
            }
            None => ended(&self.iter().map(TaskFuture::upstream).collect::<Vec<_>>()),
        }
    }
}

macro_rules! tuples {
    ($($($value:ident $type:ident),+;)+) => {$(
        impl<$($type),+> ReturnedStates for ($(State<$type>,)+) {
            fn verdict(&self) -> Result<(), Box<Verdict>> {
                let ($($value,)+) = self;
                together(&[$($value.bare()),+])
            }
        }

        impl<$($type: Send + 'static),+> ReturnedStates for ($(TaskFuture<$type>,)+) {
            fn verdict(&self) -> Result<(), Box<Verdict>> {
                let ($($value,)+) = self;
                ended(&[$($value.upstream()),+])
            }
        }
    )+};
}

tuples! {
    a A;
    a A, b B;
    a A, b B, c C;
    a A, b B, c C, d D;
    a A, b B, c C, d D, e E;
    a A, b B, c C, d D, e E, f F;
}
