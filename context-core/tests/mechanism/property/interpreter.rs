//! Runs a program and compares what its code sees with what it must see.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use context_core::context::{
    Context, ContextModel as _, DeploymentContext, InCurrentContext as _, SettingsContext,
    TagsContext, spawn, spawn_blocking, thread,
};
use context_core::private::{SuspendExt as _, TagsBlock};
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all, select_all};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::executor::Executor;
use super::program::{Body, End, Kind, LETTERS, Op, Place, SyncBody, SyncOp, View};
use crate::support::{bare_spawn, panic_silently, poll, yield_now};

/// What the caller sees.
pub(super) fn visible() -> View {
    let mut tags = 0;
    for tag in TagsContext::get().current_tags() {
        let bit = LETTERS.iter().position(|letter| tag == *letter).expect("a tag of the model");
        tags |= 1 << bit;
    }
    let settings = SettingsContext::get();
    let profile =
        settings.profile().name().strip_prefix("model-").and_then(|number| number.parse().ok());
    let deployment = DeploymentContext::get()
        .map(|deployment| u8::try_from(deployment.id().as_u128()).expect("an id of the model"));
    View { tags, profile, deployment }
}

/// What was compared and what was wrong.
#[derive(Debug, Default)]
pub(super) struct Log {
    checks: AtomicUsize,
    faults: Mutex<Vec<String>>,
}

impl Log {
    pub(super) fn checks(&self) -> usize {
        self.checks.load(Ordering::Relaxed)
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn fault(&self, place: &str, expected: View, found: View) {
        let fault = format!("{place}: expected {expected:?}, found {found:?}");
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    fn check(&self, place: &str, expected: View) {
        self.checks.fetch_add(1, Ordering::Relaxed);
        let found = visible();
        if found != expected {
            self.fault(place, expected, found);
        }
    }
}

/// Compares in its destructor.
struct Witness(Arc<Log>, View);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.check("in a destructor", self.1);
    }
}

/// Where tasks run. The sender shows that the task is alive.
#[derive(Clone)]
pub(super) enum Spawner {
    Runtime(Handle, #[expect(dead_code, reason = "held until the task is gone")] mpsc::Sender<()>),
    Random(Arc<Executor>),
}

#[derive(Clone)]
pub(super) struct Interpreter {
    log: Arc<Log>,
    spawner: Spawner,
}

impl Interpreter {
    pub(super) const fn new(log: Arc<Log>, spawner: Spawner) -> Self {
        Self { log, spawner }
    }

    fn check(&self, place: &str, expected: View) {
        self.log.check(place, expected);
    }

    fn witness(&self, expected: View) -> Witness {
        Witness(self.log.clone(), expected)
    }

    /// The body as a future. It must be polled where `view` is visible.
    pub(super) fn run(&self, body: Body, view: View) -> BoxFuture<'static, ()> {
        let this = self.clone();
        Box::pin(async move {
            let _witness = this.witness(view);
            for op in &*body {
                this.check("before an operation", view);
                this.step(op, view).await;
                this.check("after an operation", view);
            }
        })
    }

    fn step<'a>(&'a self, op: &'a Op, view: View) -> BoxFuture<'a, ()> {
        match op {
            Op::Await(times) => Box::pin(self.wait(*times, view)),
            Op::Scope(kind, body) => scoped(*kind, self.run(body.clone(), view.inside(*kind))),
            Op::Block(tags, body) => Box::pin(self.block(*tags, body, view)),
            Op::Blocks(outer, inner, body) => Box::pin(self.blocks(*outer, *inner, body, view)),
            Op::Call(body) => {
                self.call(body, view);
                Box::pin(async {})
            }
            Op::Blocking(body) => Box::pin(self.blocking(body.clone(), view)),
            Op::Join(bodies) => {
                let all = bodies.iter().map(|body| self.run(body.clone(), view));
                Box::pin(join_all(all).map(drop))
            }
            Op::Select(bodies) => {
                let all = select_all(bodies.iter().map(|body| self.run(body.clone(), view)));
                // The losers are dropped before the next check.
                Box::pin(all.map(drop))
            }
            Op::Spawn(body, end) => Box::pin(self.spawn(body.clone(), *end, view)),
            Op::Bare(body) => {
                let future = self.run(body.clone(), View::NOTHING);
                match &self.spawner {
                    Spawner::Runtime(..) => {
                        Box::pin(bare_spawn(future).map(|ended| ended.expect("it ends")))
                    }
                    Spawner::Random(executor) => {
                        Box::pin(executor.spawn(Box::pin(Context::empty().scope(future))).ended())
                    }
                }
            }
            Op::Panic(body) => caught(self.panicking(body.clone(), view)),
            Op::PanicInScope(kind, body) => {
                let future = self.panicking(body.clone(), view.inside(*kind));
                caught(scoped(*kind, future))
            }
            Op::PanicInBlock(tags, body) => {
                let inside = view.inside(Kind::Tags(*tags));
                let (tags, future) = (*tags, self.panicking(body.clone(), inside));
                caught(async move {
                    let mut scope = TagsBlock::enter(Kind::tags(tags));
                    let _witness = self.witness(inside);
                    future.__context_suspend(&mut scope).await;
                })
            }
            Op::Drop(body, polls, place) => {
                self.drop_half_way(body, *polls, *place, view);
                Box::pin(async {})
            }
            Op::Move(body, polls) => {
                let future = self.run(body.clone(), view).in_current_context();
                match self.poll_elsewhere(Box::pin(future), *polls) {
                    Some(future) => future,
                    None => Box::pin(async {}),
                }
            }
        }
    }

    /// The body as a future that panics at its end.
    fn panicking(&self, body: Body, view: View) -> BoxFuture<'static, ()> {
        let (body, witness) = (self.run(body, view), self.witness(view));
        Box::pin(async move {
            let _witness = witness;
            body.await;
            panic_silently()
        })
    }

    async fn wait(&self, times: u8, view: View) {
        for _ in 0..times {
            yield_now().await;
            self.check("after an await", view);
        }
    }

    async fn block(&self, tags: u8, body: &Body, view: View) {
        let inside = view.inside(Kind::Tags(tags));
        let mut scope = TagsBlock::enter(Kind::tags(tags));
        let _witness = self.witness(inside);
        self.check("in a block", inside);
        yield_now().__context_suspend(&mut scope).await;
        self.check("in a block, after an await", inside);
        self.run(body.clone(), inside).__context_suspend(&mut scope).await;
        self.check("in a block, after its body", inside);
    }

    async fn blocks(&self, outer_tags: u8, inner_tags: u8, body: &Body, view: View) {
        let in_outer = view.inside(Kind::Tags(outer_tags));
        let mut outer = TagsBlock::enter(Kind::tags(outer_tags));
        let _outer_witness = self.witness(in_outer);
        {
            let in_inner = in_outer.inside(Kind::Tags(inner_tags));
            let mut inner = TagsBlock::enter(Kind::tags(inner_tags));
            let _inner_witness = self.witness(in_inner);
            let body = self.run(body.clone(), in_inner);
            body.__context_suspend(&mut inner).__context_suspend(&mut outer).await;
            self.check("in an inner block", in_inner);
        }
        self.check("after an inner block", in_outer);
        yield_now().__context_suspend(&mut outer).await;
        self.check("in an outer block, after an await", in_outer);
    }

    async fn blocking(&self, body: SyncBody, view: View) {
        let this = self.clone();
        let call = move || this.call(&body, view);
        match &self.spawner {
            Spawner::Runtime(..) => spawn_blocking(call).await.expect("it ends"),
            Spawner::Random(_) => Context::current().for_spawn().wrap_once(call)(),
        }
    }

    async fn spawn(&self, body: Body, end: End, view: View) {
        let future = match end {
            End::Panic => self.panicking(body, view),
            End::Return | End::Abort(_) | End::Detached => self.run(body, view),
        };
        match &self.spawner {
            Spawner::Runtime(..) => {
                let task = spawn(future);
                match end {
                    End::Return => task.await.expect("it ends"),
                    End::Panic => assert!(task.await.expect_err("it panics").is_panic()),
                    End::Abort(awaits) => {
                        self.wait(awaits, view).await;
                        task.abort();
                        drop(task.await);
                    }
                    End::Detached => drop(task),
                }
            }
            Spawner::Random(executor) => {
                let task = executor.spawn(Box::pin(future.in_current_context()));
                match end {
                    End::Return | End::Panic => task.ended().await,
                    End::Abort(awaits) => {
                        self.wait(awaits, view).await;
                        task.abort();
                        task.ended().await;
                    }
                    End::Detached => drop(task),
                }
            }
        }
    }

    fn drop_half_way(&self, body: &Body, polls: u8, place: Place, view: View) {
        let future = self.run(body.clone(), view);
        match place {
            Place::Here => drop(poll_times(future, polls)),
            Place::ForeignScope => {
                let future = future.in_current_context();
                let foreign = visible().inside(Kind::Tags(0b10_0000)).inside(Kind::Settings(8));
                Kind::tags(0b10_0000).in_scope(|| {
                    Kind::settings(8).in_scope(|| {
                        drop(poll_times(Box::pin(future), polls));
                        self.check("in a foreign scope", foreign);
                    });
                });
            }
            Place::OtherThread => {
                let future = Box::pin(future.in_current_context());
                let this = self.clone();
                self.on_another_thread(move || {
                    drop(poll_times(future, polls));
                    this.check("in a foreign thread", FOREIGN);
                });
            }
        }
    }

    /// Polls on another thread; `None` if the future has ended there.
    fn poll_elsewhere(
        &self,
        future: BoxFuture<'static, ()>,
        polls: u8,
    ) -> Option<BoxFuture<'static, ()>> {
        let this = self.clone();
        self.on_another_thread(move || {
            let future = poll_times(future, polls);
            this.check("in a foreign thread", FOREIGN);
            future
        })
    }

    /// Runs `f` on another thread, where `FOREIGN` is visible.
    fn on_another_thread<R: Send + 'static>(&self, f: impl FnOnce() -> R + Send + 'static) -> R {
        let this = self.clone();
        std::thread::spawn(move || {
            let _entered = match &this.spawner {
                Spawner::Runtime(handle, _) => Some(handle.enter()),
                Spawner::Random(_) => None,
            };
            let result = Kind::deployment(8).in_scope(f);
            this.check("in a thread, after its scope", View::NOTHING);
            result
        })
        .join()
        .expect("it ends")
    }

    /// Runs the body here, where `view` must be visible.
    fn call(&self, body: &SyncBody, view: View) {
        let _witness = self.witness(view);
        for op in &**body {
            self.check("before a synchronous operation", view);
            self.call_one(op, view);
            self.check("after a synchronous operation", view);
        }
    }

    fn call_one(&self, op: &SyncOp, view: View) {
        match op {
            SyncOp::Scope(kind, body) => {
                in_scope(*kind, || self.call(body, view.inside(*kind)));
            }
            SyncOp::Panic(kind, body) => {
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    in_scope(*kind, || {
                        let _witness = self.witness(view.inside(*kind));
                        self.call(body, view.inside(*kind));
                        panic_silently()
                    });
                }));
                assert!(caught.is_err());
            }
            SyncOp::Captured(kind, body) => {
                let captured = Context::current();
                in_scope(*kind, || {
                    captured.run(|| self.call(body, view));
                    self.check("after a captured context", view.inside(*kind));
                });
            }
            SyncOp::Thread(body) => {
                let (this, body) = (self.clone(), body.clone());
                thread::spawn(move || this.call(&body, view)).join().expect("it ends");
            }
            SyncOp::BareThread(body) => {
                let (this, body) = (self.clone(), body.clone());
                std::thread::spawn(move || this.call(&body, View::NOTHING))
                    .join()
                    .expect("it ends");
            }
        }
    }
}

/// What is visible on a foreign thread.
const FOREIGN: View = View::NOTHING.inside(Kind::Deployment(8));

/// The future in a scope.
fn scoped(kind: Kind, future: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
    match kind {
        Kind::Tags(tags) => Box::pin(Kind::tags(tags).scope(future)),
        Kind::Settings(profile) => Box::pin(Kind::settings(profile).scope(future)),
        Kind::Deployment(id) => Box::pin(Kind::deployment(id).scope(future)),
    }
}

/// The future, whose panic is caught.
fn caught<'a>(future: impl Future<Output = ()> + Send + 'a) -> BoxFuture<'a, ()> {
    Box::pin(AssertUnwindSafe(future).catch_unwind().map(|ended| assert!(ended.is_err())))
}

fn in_scope(kind: Kind, f: impl FnOnce()) {
    match kind {
        Kind::Tags(tags) => Kind::tags(tags).in_scope(f),
        Kind::Settings(profile) => Kind::settings(profile).in_scope(f),
        Kind::Deployment(id) => Kind::deployment(id).in_scope(f),
    }
}

/// Polls up to `polls` times; `None` if the future has ended.
fn poll_times<F: Future<Output = ()> + Unpin>(mut future: F, polls: u8) -> Option<F> {
    for _ in 0..polls {
        if poll(&mut future).is_ready() {
            return None;
        }
    }
    Some(future)
}

/// Is ready once `done` says so; asks at every poll.
pub(super) async fn until(done: impl Fn() -> bool + Send) {
    poll_fn(move |cx| {
        if done() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
