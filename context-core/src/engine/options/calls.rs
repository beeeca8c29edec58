//! The calling methods of configured functions, with as many parameters as the function has.

use super::{FlowWithOptions, ReportedAsOne, WithOptions};
use crate::engine::body::{FlowFn, Mode, TaskFn};
use crate::engine::future::TaskFuture;
use crate::engine::futures::TaskFutures;
use crate::engine::input::IntoInput;
use crate::engine::map::IntoMapInput;
use crate::state::State;

macro_rules! calls {
    ($($(#[$lint:meta])? $($argument:ident $value:ident),*;)+) => {$(
        impl<H: TaskFn<($($argument,)*)>, $($argument),*> WithOptions<H, ($($argument,)*)> {
            /// Calls the task: at once if it is a plain `fn`, as a future if it is an `async fn`. Gives what the
            /// function returns.
            $(#[$lint])?
            pub fn call(
                self,
                $($value: impl IntoInput<$argument>),*
            ) -> <H::Mode as Mode>::Called<H::Output> {
                self.call_with(($($value,)*))
            }

            /// As `call`, but gives the state that the run ends in, with its value or why there is none: an error is no
            /// error of the call. A panic of the function goes on to the caller.
            $(#[$lint])?
            pub fn state(
                self,
                $($value: impl IntoInput<$argument>),*
            ) -> <H::Mode as Mode>::Called<State<H::Value>> {
                self.state_with(($($value,)*))
            }

            /// As `call`, but the value knows the run that made it: as the argument of another run, it carries its
            /// lineage on. See [`Tracked`](crate::engine::Tracked).
            $(#[$lint])?
            pub fn tracked(
                self,
                $($value: impl IntoInput<$argument>),*
            ) -> <H::Mode as Mode>::Called<H::Tracked> {
                self.tracked_with(($($value,)*))
            }

            /// Runs the task concurrently with the caller.
            $(#[$lint])?
            pub fn submit(self, $($value: impl IntoInput<$argument>),*) -> TaskFuture<H::Value> {
                self.submit_with(($($value,)*))
            }
        }

        impl<H: FlowFn<($($argument,)*)>, $($argument),*> FlowWithOptions<H, ($($argument,)*)> {
            /// Calls the flow: at once if it is a plain `fn`, as a future if it is an `async fn`. Gives what the
            /// function returns.
            $(#[$lint])?
            pub fn call(
                self,
                $($value: impl IntoInput<$argument>),*
            ) -> <H::Mode as Mode>::Called<H::Output> {
                self.call_with(($($value,)*))
            }

            /// As `call`, but gives the state that the run ends in, with its value or why there is none: an error is no
            /// error of the call. A panic of the function goes on to the caller.
            $(#[$lint])?
            pub fn state(
                self,
                $($value: impl IntoInput<$argument>),*
            ) -> <H::Mode as Mode>::Called<State<H::Value>> {
                self.state_with(($($value,)*))
            }
        }

        calls!(@map $(#[$lint])? $($argument $value),*);
    )+};
    // Without parameters there is nothing to map over.
    (@map $(#[$lint:meta])?) => {};
    (@map $(#[$lint:meta])? $($argument:ident $value:ident),+) => {
        impl<H: TaskFn<($($argument,)+)>, $($argument),+> WithOptions<H, ($($argument,)+)> {
            /// Runs the task once for each element, all concurrently.
            $(#[$lint])?
            pub fn map(self, $($value: impl IntoMapInput<$argument>),+) -> TaskFutures<H::Value> {
                self.map_with(($($value,)+))
            }
        }

        impl<H: TaskFn<($($argument,)+)>, $($argument),+> ReportedAsOne<H, ($($argument,)+)> {
            /// Runs the task once for each element, all concurrently.
            $(#[$lint])?
            pub fn map(self, $($value: impl IntoMapInput<$argument>),+) -> TaskFutures<H::Value> {
                self.map_with(($($value,)+))
            }
        }
    };
}

calls! {
    ;
    A a;
    A a, B b;
    A a, B b, C c;
    A a, B b, C c, D d;
    A a, B b, C c, D d, E e;
    A a, B b, C c, D d, E e, F f;
    #[expect(clippy::too_many_arguments, reason = "the function has as many")] A a, B b, C c, D d, E e, F f, G g;
    #[expect(clippy::too_many_arguments, reason = "the function has as many")] A a, B b, C c, D d, E e, F f, G g, I i;
    #[expect(clippy::too_many_arguments, reason = "the function has as many")] A a, B b, C c, D d, E e, F f, G g, I i, J j;
    #[expect(clippy::too_many_arguments, reason = "the function has as many")] A a, B b, C c, D d, E e, F f, G g, I i, J j, K k;
    #[expect(clippy::too_many_arguments, reason = "the function has as many")] A a, B b, C c, D d, E e, F f, G g, I i, J j, K k, L l;
    #[expect(clippy::too_many_arguments, reason = "the function has as many")] A a, B b, C c, D d, E e, F f, G g, I i, J j, K k, L l, M m;
}
