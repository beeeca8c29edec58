//! What a run can wait for without using its value.

use std::sync::Arc;

use super::Upstream;
use crate::engine::future::TaskFuture;
use crate::engine::futures::TaskFutures;

/// What can be waited for without using its value.
pub trait WaitFor {
    /// Adds the runs to wait for.
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>);
}

impl<T: Send + 'static> WaitFor for TaskFuture<T> {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        upstreams.push(self.upstream());
    }
}

impl<T: Send + 'static> WaitFor for TaskFutures<T> {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        upstreams.extend(self.iter().map(TaskFuture::upstream));
    }
}

impl<W: WaitFor + ?Sized> WaitFor for &W {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        (**self).add_to(upstreams);
    }
}

impl<W: WaitFor> WaitFor for [W] {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        self.iter().for_each(|each| each.add_to(upstreams));
    }
}

impl<W: WaitFor, const N: usize> WaitFor for [W; N] {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        self.as_slice().add_to(upstreams);
    }
}

impl<W: WaitFor> WaitFor for Vec<W> {
    fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
        self.as_slice().add_to(upstreams);
    }
}

macro_rules! wait_for_tuples {
    ($($($name:ident),+;)+) => {$(
        impl<$($name: WaitFor),+> WaitFor for ($($name,)+) {
            fn add_to(&self, upstreams: &mut Vec<Arc<dyn Upstream>>) {
                #[expect(non_snake_case, reason = "a variable for each type parameter")]
                let ($($name,)+) = self;
                $($name.add_to(upstreams);)+
            }
        }
    )+};
}

wait_for_tuples! {
    A;
    A, B;
    A, B, C;
    A, B, C, D;
    A, B, C, D, E;
    A, B, C, D, E, F;
}
