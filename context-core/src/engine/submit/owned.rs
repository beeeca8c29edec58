//! Functions with owned arguments: what tasks and flows have in common once a call can go elsewhere.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::context::Context as Ambient;
use crate::engine::body::{Attempt, Body, FlowFn, TaskFn};
use crate::engine::glue::Glue;
use crate::parameters::ParameterSink;
use crate::runner::{BlockingWork, NoValue, Runner, carrying_place};

/// What tasks and flows have in common once their arguments are owned.
pub(super) trait Callable<Args>: 'static {
    type Output;
    fn encode(arguments: &Args, sink: &mut ParameterSink);
    fn attempt(arguments: Args) -> Attempt<Self::Output>;
    fn glue() -> Glue<Self::Output>;
    fn duplicate(arguments: &Args) -> Option<Args>;
    fn is_repeatable() -> bool;
}

/// A task's handle.
pub(super) struct OfTask<H>(PhantomData<fn() -> H>);

/// A flow's handle.
pub(super) struct OfFlow<H>(PhantomData<fn() -> H>);

macro_rules! callable {
    ($of:ident, $function:ident) => {
        impl<H: $function<Args>, Args> Callable<Args> for $of<H> {
            type Output = H::Output;

            fn encode(arguments: &Args, sink: &mut ParameterSink) {
                H::encode(arguments, sink);
            }

            fn attempt(arguments: Args) -> Attempt<H::Output> {
                H::attempt(arguments)
            }

            fn glue() -> Glue<H::Output> {
                H::glue()
            }

            fn duplicate(arguments: &Args) -> Option<Args> {
                H::duplicate(arguments)
            }

            fn is_repeatable() -> bool {
                H::copies().is_some()
            }
        }
    };
}

callable!(OfTask, TaskFn);
callable!(OfFlow, FlowFn);

/// A function with owned arguments; every attempt but the last gets a copy of them, if there is a way to copy them.
pub(super) struct Owned<C, Args> {
    arguments: Option<Args>,
    copy: Option<fn(&Args) -> Args>,
    callable: PhantomData<fn() -> C>,
}

impl<C: Callable<Args>, Args> Owned<C, Args> {
    pub(super) const fn new(arguments: Args, copy: Option<fn(&Args) -> Args>) -> Self {
        Self { arguments: Some(arguments), copy, callable: PhantomData }
    }

    /// The arguments, for attempts elsewhere.
    pub(super) const fn arguments(&self) -> Option<&Args> {
        self.arguments.as_ref()
    }

    fn is_repeatable(&self) -> bool {
        self.copy.is_some() || C::is_repeatable()
    }

    fn start(&mut self, last: bool) -> Option<Attempt<C::Output>> {
        let arguments = self.arguments.take()?;
        if !last {
            self.arguments = match self.copy {
                Some(copy) => Some(copy(&arguments)),
                None => C::duplicate(&arguments),
            };
        }
        Some(C::attempt(arguments))
    }
}

/// An owned function attempted from a future; a plain function runs on a thread where it may block.
pub(super) struct Awaited<C, Args>(pub(super) Owned<C, Args>);

impl<C: Callable<Args, Output: Send + 'static>, Args> Body for Awaited<C, Args> {
    type Arguments = Args;
    type Attempt = AttemptFuture<C::Output>;

    fn arguments(&self) -> Option<&Args> {
        self.0.arguments.as_ref()
    }

    fn is_repeatable(&self) -> bool {
        self.0.is_repeatable()
    }

    fn attempt(&mut self, last: bool) -> Option<Self::Attempt> {
        self.0.start(last).map(AttemptFuture::of)
    }
}

/// An owned function attempted on this thread.
pub(super) struct Blocked<C, Args>(pub(super) Owned<C, Args>);

impl<C: Callable<Args>, Args> Body for Blocked<C, Args> {
    type Arguments = Args;
    type Attempt = C::Output;

    fn arguments(&self) -> Option<&Args> {
        self.0.arguments.as_ref()
    }

    fn is_repeatable(&self) -> bool {
        self.0.is_repeatable()
    }

    fn attempt(&mut self, last: bool) -> Option<C::Output> {
        match self.0.start(last)? {
            Attempt::Blocking(function) => Some(function()),
            Attempt::Async(_) => unreachable!("an `async fn` is called by awaiting it"),
        }
    }
}

pub(in crate::engine) enum AttemptFuture<R> {
    Async(Pin<Box<dyn Future<Output = R> + Send>>),
    /// If it is dropped before the function has begun, it never begins; one that has begun cannot be interrupted.
    Blocking(BlockingWork<R>),
}

impl<R: Send + 'static> AttemptFuture<R> {
    /// A plain function runs on a thread where it may block.
    pub(in crate::engine) fn of(attempt: Attempt<R>) -> Self {
        match attempt {
            Attempt::Async(future) => Self::Async(future),
            Attempt::Blocking(function) => {
                let function = carrying_place(Ambient::current().wrap_once(function));
                Self::Blocking(Runner::of_async_caller().spawn_blocking(function))
            }
        }
    }
}

impl<R> Future for AttemptFuture<R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        match self.get_mut() {
            Self::Async(future) => future.as_mut().poll(cx),
            Self::Blocking(work) => match ready!(Pin::new(work).poll(cx)) {
                Ok(value) => Poll::Ready(value),
                Err(NoValue::Panic(payload)) => resume_unwind(payload),
                Err(NoValue::Gone) => panic!("the runtime was shut down before the run began"),
            },
        }
    }
}
