//! Argument lists: tuples of inputs.

use std::sync::Arc;

use crate::engine::input::{Input, IntoInput, Upstream};
use crate::engine::map::{IntoMapInput, MapInput, agreed_length};
use crate::state::RunError;

/// Told the position and upstream runs of an input.
pub type EachInput<'a> = &'a mut dyn FnMut(usize, &[Arc<dyn Upstream>]);

/// The arguments of a function as a tuple, of up to twelve.
pub trait ArgumentList: Sized {
    /// The tuple of their inputs.
    type Inputs;

    /// Tells `each` the position and upstream runs of every input.
    fn upstreams(inputs: &Self::Inputs, each: EachInput<'_>);

    /// The arguments. All upstream runs must have ended.
    ///
    /// # Errors
    ///
    /// If an upstream run did not complete.
    fn take(inputs: Self::Inputs) -> Result<Self, RunError>;
}

/// What can be given for a list of arguments: a tuple of `impl IntoInput`.
pub trait IntoInputs<Args: ArgumentList> {
    /// The inputs.
    fn into_inputs(self) -> Args::Inputs;
}

/// What can be mapped over a list of arguments: a tuple of `impl IntoMapInput`.
pub trait IntoMapInputs<Args: ArgumentList> {
    /// The inputs of each run.
    ///
    /// # Errors
    ///
    /// If the lengths of the iterables differ, or there is no iterable.
    fn into_map_inputs(
        self,
        task: &'static str,
        names: &[&'static str],
    ) -> Result<Vec<Args::Inputs>, RunError>;
}

impl ArgumentList for () {
    type Inputs = ();

    fn upstreams((): &(), _: EachInput<'_>) {}

    fn take((): ()) -> Result<(), RunError> {
        Ok(())
    }
}

impl IntoInputs<()> for () {
    fn into_inputs(self) {}
}

macro_rules! argument_lists {
    ($($($argument:ident $given:ident $index:tt),+;)+) => {$(
        impl<$($argument),+> ArgumentList for ($($argument,)+) {
            type Inputs = ($(Input<$argument>,)+);

            fn upstreams(
                inputs: &Self::Inputs,
                each: EachInput<'_>) {
                $(each($index, inputs.$index.upstreams());)+
            }

            fn take(inputs: Self::Inputs) -> Result<Self, RunError> {
                Ok(($(inputs.$index.take()?,)+))
            }
        }

        impl<$($argument,)+ $($given: IntoInput<$argument>),+> IntoInputs<($($argument,)+)>
            for ($($given,)+)
        {
            fn into_inputs(self) -> ($(Input<$argument>,)+) {
                ($(self.$index.into_input(),)+)
            }
        }

        impl<$($argument,)+ $($given: IntoMapInput<$argument>),+> IntoMapInputs<($($argument,)+)>
            for ($($given,)+)
        {
            fn into_map_inputs(
                self,
                task: &'static str,
                names: &[&'static str],
            ) -> Result<Vec<($(Input<$argument>,)+)>, RunError> {
                let mut mapped: ($(MapInput<$argument>,)+) =
                    ($(self.$index.into_map_input(),)+);
                let name = |index: usize| names.get(index).copied().unwrap_or_default();
                let lengths = [$((name($index), mapped.$index.len()?)),+];
                let length = agreed_length(task, &lengths)?;
                let next = |_| Some(($(mapped.$index.next()?,)+));
                Ok((0..length).map_while(next).collect())
            }
        }
    )+};
}

argument_lists! {
    A X 0;
    A X 0, B Y 1;
    A X 0, B Y 1, C Z 2;
    A X 0, B Y 1, C Z 2, D W 3;
    A X 0, B Y 1, C Z 2, D W 3, E V 4;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5, G T 6;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5, G T 6, H S 7;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5, G T 6, H S 7, I R 8;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5, G T 6, H S 7, I R 8, J Q 9;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5, G T 6, H S 7, I R 8, J Q 9, K P 10;
    A X 0, B Y 1, C Z 2, D W 3, E V 4, F U 5, G T 6, H S 7, I R 8, J Q 9, K P 10, L O 11;
}
