//! What becomes of each kind when code is spawned, and the client contexts, which belong to their scope.

use std::collections::BTreeMap;
use std::sync::Arc;

use context_core::context::{
    AssetContext, AsyncClientContext, ClockContext, Context, ContextModel, DeploymentContext,
    FlowRunContext, InCurrentContext, Policy, SettingsContext, SyncClientContext, TagsContext,
    TaskRunContext, spawn, spawn_blocking, thread,
};
use context_core::record::{Client, Recorder, RunEvent};

use crate::support::{panic_silently, panics, poll, runtime, within, yield_now};

#[derive(Debug)]
struct Named(#[expect(dead_code, reason = "read through `Debug`")] &'static str);

impl Recorder for Named {
    fn record(&self, _: &RunEvent<'_>) {}
}

fn client(name: &'static str) -> Client {
    Client::new(Arc::new(Named(name)))
}

/// The clients that surround the call, as text.
fn clients() -> (String, String) {
    let name = |client: &Client| {
        let text = format!("{client:?}");
        text.split('"').nth(1).unwrap_or("?").to_owned()
    };
    (
        SyncClientContext::get().map_or_else(String::new, |context| name(context.client())),
        AsyncClientContext::get().map_or_else(String::new, |context| name(context.client())),
    )
}

fn pair(sync_client: &str, async_client: &str) -> (String, String) {
    (sync_client.to_owned(), async_client.to_owned())
}

/// The rows of the table in the documentation of the module: kind, inherited, written.
fn documented() -> BTreeMap<String, (bool, bool)> {
    let source = include_str!("../../src/context.rs");
    let mut rows = BTreeMap::new();
    for line in source.lines().filter_map(|line| line.strip_prefix("//! | [`")) {
        let [kinds, inherited, written]: [&str; 3] = line
            .trim_end_matches('|')
            .split('|')
            .collect::<Vec<_>>()
            .try_into()
            .expect("3 columns");
        let yes = |cell: &str| match cell.trim() {
            cell if cell.starts_with("yes") => true,
            cell if cell.starts_with("no") => false,
            cell => panic!("neither yes nor no: {cell}"),
        };
        for kind in kinds.split(',') {
            let kind = kind.trim().trim_matches(['[', ']', '`']).to_owned();
            assert!(rows.insert(kind, (yes(inherited), yes(written))).is_none(), "twice");
        }
    }
    rows
}

#[test]
fn the_table_in_the_documentation_is_what_the_policies_say() {
    fn row<C: ContextModel>() -> (String, (bool, bool)) {
        let Policy { inherited_by_spawn, written_to_snapshot } = C::POLICY;
        (C::NAME.to_owned(), (inherited_by_spawn, written_to_snapshot))
    }

    let policies = BTreeMap::from([
        row::<FlowRunContext>(),
        row::<TaskRunContext>(),
        row::<TagsContext>(),
        row::<SettingsContext>(),
        row::<ClockContext>(),
        row::<DeploymentContext>(),
        row::<AssetContext>(),
        row::<SyncClientContext>(),
        row::<AsyncClientContext>(),
    ]);
    assert_eq!(documented(), policies);
}

#[test]
fn no_client_is_carried_by_any_kind_of_spawn() {
    let runtime = runtime();
    let _entered = runtime.enter();
    SyncClientContext::new(client("s")).in_scope(|| {
        AsyncClientContext::new(client("a")).in_scope(|| {
            within("t", || {
                assert_eq!(clients(), pair("s", "a"));
                let reads = async || {
                    yield_now().await;
                    (clients(), crate::support::seen())
                };
                // The scopes stay open all the while: what counts is the spawn, not the end.
                let expected = (pair("", ""), "t".to_owned());
                assert_eq!(runtime.block_on(spawn(reads())).unwrap(), expected);
                assert_eq!(runtime.block_on(reads().in_current_context()), expected);
                let tagged = || (clients(), crate::support::seen());
                assert_eq!(runtime.block_on(spawn_blocking(tagged)).unwrap(), expected);
                assert_eq!(thread::spawn(tagged).join().unwrap(), expected);
                assert_eq!(Context::current().for_spawn().run(clients), pair("", ""));
                assert_eq!(clients(), pair("s", "a"));
            });
        });
    });
}

#[test]
fn a_captured_client_ends_with_its_scope() {
    let captured = SyncClientContext::new(client("s")).in_scope(|| {
        let captured = Context::current();
        // On another thread too, as long as the scope lasts.
        let there = std::thread::spawn(captured.clone().wrap_once(clients)).join().unwrap();
        assert_eq!(there, pair("s", ""));
        captured
    });
    assert_eq!(captured.run(clients), pair("", ""));
}

#[test]
fn a_captured_client_ends_with_a_panic_too() {
    let mut captured = Context::empty();
    let unwound = panics(|| {
        SyncClientContext::new(client("s")).in_scope(|| {
            captured = Context::current();
            panic_silently()
        })
    });
    assert!(unwound);
    assert_eq!(captured.run(clients), pair("", ""));
}

#[test]
fn a_client_is_open_until_its_outermost_scope_ends() {
    let context = SyncClientContext::new(client("s"));
    let captured = context.in_scope(|| {
        let captured = context.in_scope(|| context.in_scope(Context::current));
        assert_eq!(captured.run(clients), pair("s", ""));
        assert_eq!(clients(), pair("s", ""));
        captured
    });
    assert_eq!(captured.run(clients), pair("", ""));
    // The same client may be opened again; it is the same client.
    context.model_copy().in_scope(|| assert_eq!(captured.run(clients), pair("s", "")));
    assert_eq!(captured.run(clients), pair("", ""));
}

#[test]
fn a_client_of_a_future_is_open_until_the_future_is_gone() {
    let context = AsyncClientContext::new(client("a"));
    let captured = context.in_scope(Context::current);
    let mut futures: Vec<_> = (0..3)
        .map(|_| {
            Box::pin(context.scope(async {
                yield_now().await;
                assert_eq!(clients(), pair("", "a"));
            }))
        })
        .collect();
    assert_eq!(clients(), pair("", ""));
    assert_eq!(captured.run(clients), pair("", "a"));
    drop(futures.pop());
    let mut half_way = futures.pop().unwrap();
    assert!(poll(&mut half_way).is_pending());
    drop(half_way);
    assert_eq!(captured.run(clients), pair("", "a"));
    let mut last = futures.pop().unwrap();
    assert!(poll(&mut last).is_pending());
    assert!(poll(&mut last).is_ready());
    drop(last);
    assert_eq!(captured.run(clients), pair("", ""));
}

#[test]
fn the_innermost_client_of_each_kind_is_the_one_that_is_read() {
    SyncClientContext::new(client("1")).in_scope(|| {
        AsyncClientContext::new(client("2")).in_scope(|| {
            SyncClientContext::new(client("3")).in_scope(|| {
                assert_eq!(clients(), pair("3", "2"));
            });
            assert_eq!(clients(), pair("1", "2"));
        });
        assert_eq!(clients(), pair("1", ""));
    });
}

#[test]
fn code_that_outlives_a_client_finds_the_next_one_outside() {
    SyncClientContext::new(client("outer")).in_scope(|| {
        let captured = SyncClientContext::new(client("inner")).in_scope(Context::current);
        assert_eq!(captured.run(clients), pair("outer", ""));
    });
}
