//! Programs, what they may see, and how they are made up.

use std::sync::Arc;

use context_core::context::{DeploymentContext, SettingsContext, TagScope};
use context_core::settings::Settings;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::deployment;

/// The tags there are; a set of them is a bit mask.
pub(super) const LETTERS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// What code sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(super) tags: u8,
    pub(super) profile: Option<u8>,
    pub(super) deployment: Option<u8>,
}

impl View {
    pub(super) const NOTHING: Self = Self { tags: 0, profile: None, deployment: None };

    /// What code sees inside `kind`.
    pub(super) const fn inside(mut self, kind: Kind) -> Self {
        match kind {
            Kind::Tags(tags) => self.tags |= tags,
            Kind::Settings(profile) => self.profile = Some(profile),
            Kind::Deployment(id) => self.deployment = Some(id),
        }
        self
    }
}

/// A context to enter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Tags(u8),
    Settings(u8),
    Deployment(u8),
}

impl Kind {
    pub(super) fn tags(mask: u8) -> TagScope {
        match mask {
            0b01 => TagScope::literal(&["a"]),
            0b11 => TagScope::literal(&["a", "b"]),
            _ => TagScope::collect(|list| {
                for (bit, letter) in LETTERS.iter().enumerate() {
                    if mask & (1 << bit) != 0 {
                        list.add(*letter);
                    }
                }
            }),
        }
    }

    pub(super) fn settings(profile: u8) -> SettingsContext {
        let (settings, _) = Settings::from_source(|_| None);
        SettingsContext::new(settings.with_profile(format!("model-{profile}")))
    }

    pub(super) fn deployment(id: u8) -> DeploymentContext {
        deployment(u128::from(id))
    }
}

/// A sequence of operations.
pub(crate) type Body = Arc<[Op]>;
/// A sequence of operations of a plain function.
pub(crate) type SyncBody = Arc<[SyncOp]>;

/// An operation of an async function.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Awaits so many times.
    Await(u8),
    /// Runs the body as a future in a scope.
    Scope(Kind, Body),
    /// Runs the body in a block of tags.
    Block(u8, Body),
    /// Runs the body in two blocks, one inside the other, of one function.
    Blocks(u8, u8, Body),
    /// Calls a plain function.
    Call(SyncBody),
    /// Runs a plain function on the pool for blocking work.
    Blocking(SyncBody),
    /// Awaits all bodies at once.
    Join(Vec<Body>),
    /// Awaits all bodies at once until one ends, and drops the others.
    Select(Vec<Body>),
    /// Spawns the body with the context carried on.
    Spawn(Body, End),
    /// Spawns the body without context.
    Bare(Body),
    /// Runs the body, panics, and catches the panic: here, outside the scope, or outside the block.
    Panic(Body),
    PanicInScope(Kind, Body),
    PanicInBlock(u8, Body),
    /// Polls the body so many times and drops it.
    Drop(Body, u8, Place),
    /// Polls the body so many times on another thread, then awaits it here.
    Move(Body, u8),
}

/// How a spawned task ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Return,
    Panic,
    /// It is aborted after so many awaits of its parent.
    Abort(u8),
    /// Nobody waits for it.
    Detached,
}

/// Where a future is dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Where it was made; nothing carries its context.
    Here,
    /// Inside a foreign scope.
    ForeignScope,
    /// On another thread, inside a foreign scope there.
    OtherThread,
}

/// An operation of a plain function.
#[derive(Clone, Debug)]
pub(crate) enum SyncOp {
    /// Runs the body in a scope.
    Scope(Kind, SyncBody),
    /// Runs the body in a scope, panics there, and catches the panic outside.
    Panic(Kind, SyncBody),
    /// Captures the context, and runs the body in it from inside a scope.
    Captured(Kind, SyncBody),
    /// Runs the body on a thread with the context carried on.
    Thread(SyncBody),
    /// Runs the body on a thread without context.
    BareThread(SyncBody),
}

fn mask() -> impl Strategy<Value = u8> {
    0..1_u8 << LETTERS.len()
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => mask().prop_map(Kind::Tags),
        1 => (0..9_u8).prop_map(Kind::Settings),
        1 => (0..9_u8).prop_map(Kind::Deployment),
    ]
}

fn sync_bodies() -> BoxedStrategy<SyncBody> {
    let leaf = Just(SyncBody::from([])).boxed();
    leaf.prop_recursive(3, 8, 2, |body| {
        let op = prop_oneof![
            8 => (kinds(), body.clone()).prop_map(|(kind, body)| SyncOp::Scope(kind, body)),
            4 => (kinds(), body.clone()).prop_map(|(kind, body)| SyncOp::Panic(kind, body)),
            4 => (kinds(), body.clone()).prop_map(|(kind, body)| SyncOp::Captured(kind, body)),
            1 => body.clone().prop_map(SyncOp::Thread),
            1 => body.prop_map(SyncOp::BareThread),
        ];
        vec(op, 0..3).prop_map(SyncBody::from)
    })
    .boxed()
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => Just(End::Return),
        1 => Just(End::Panic),
        3 => (0..4_u8).prop_map(End::Abort),
        1 => Just(End::Detached),
    ]
}

fn ops(body: BoxedStrategy<Body>) -> BoxedStrategy<Op> {
    let places = prop_oneof![
        4 => Just(Place::Here),
        3 => Just(Place::ForeignScope),
        1 => Just(Place::OtherThread),
    ];
    let scopes = prop_oneof![
        2 => (kinds(), body.clone()).prop_map(|(kind, body)| Op::Scope(kind, body)),
        3 => (mask(), body.clone()).prop_map(|(tags, body)| Op::Block(tags, body)),
        1 => (mask(), mask(), body.clone()).prop_map(|(outer, inner, body)| Op::Blocks(outer, inner, body)),
    ];
    let endings = prop_oneof![
        1 => body.clone().prop_map(Op::Panic),
        2 => (kinds(), body.clone()).prop_map(|(kind, body)| Op::PanicInScope(kind, body)),
        2 => (mask(), body.clone()).prop_map(|(tags, body)| Op::PanicInBlock(tags, body)),
        4 => (body.clone(), 0..5_u8, places).prop_map(|(body, polls, place)| Op::Drop(body, polls, place)),
        2 => (body.clone(), 0..4_u8).prop_map(|(body, polls)| Op::Move(body, polls)),
    ];
    prop_oneof![
        3 => (1..4_u8).prop_map(Op::Await),
        6 => scopes,
        1 => sync_bodies().prop_map(Op::Call),
        1 => sync_bodies().prop_map(Op::Blocking),
        2 => vec(body.clone(), 2..4).prop_map(Op::Join),
        2 => vec(body.clone(), 2..4).prop_map(Op::Select),
        2 => (body.clone(), ends()).prop_map(|(body, end)| Op::Spawn(body, end)),
        1 => body.prop_map(Op::Bare),
        3 => endings,
    ]
    .boxed()
}

/// Programs of some hundreds of operations at most.
pub(super) fn programs() -> BoxedStrategy<Body> {
    let leaf = vec((1..4_u8).prop_map(Op::Await), 0..2).prop_map(Body::from).boxed();
    leaf.prop_recursive(6, 256, 2, |body| vec(ops(body), 1..5).prop_map(Body::from)).boxed()
}
