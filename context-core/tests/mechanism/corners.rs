//! Foreign code that runs in odd places: destructors, serializers, the end of a thread. And very deep scopes.

use std::cell::RefCell;
use std::sync::{Arc, mpsc};

use context_core::context::{
    AssetContext, AsyncClientContext, Context, ContextModel, DeploymentContext, FlowRunContext,
    SettingsContext, SyncClientContext, TaskRunContext, get_run_context,
};
use context_core::parameters::{ParameterSink, Parameters};
use context_core::record::{Client, Recorder, RunEvent};
use context_core::settings::Settings;
use context_core::tags::{IntoTags, TagList};
use uuid::Uuid;

use crate::support::{NoteOnDrop, Notes, deployment, nothing_is_ambient, poll, seen, tags, within};

/// Reads every kind, and enters some.
fn use_everything() -> String {
    let there = [
        FlowRunContext::get().is_some(),
        TaskRunContext::get().is_some(),
        AssetContext::get().is_some(),
        DeploymentContext::get().is_some(),
        SyncClientContext::get().is_some(),
        AsyncClientContext::get().is_some(),
        get_run_context().is_ok(),
        SettingsContext::get().profile().name().is_empty(),
    ];
    let before = seen();
    let captured = Context::current();
    within("z", || deployment(9).in_scope(|| captured.run(|| assert_eq!(seen(), before))));
    let mut future = Box::pin(tags("y").scope(async {}));
    assert!(poll(&mut future).is_ready());
    assert_eq!(seen(), before);
    format!("{before}{}", if there.contains(&true) { " and more" } else { "" })
}

struct AtThreadExit(mpsc::Sender<String>);

impl Drop for AtThreadExit {
    fn drop(&mut self) {
        self.0.send(use_everything()).expect("the test is waiting");
    }
}

thread_local! {
    static EARLY: RefCell<Option<AtThreadExit>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<AtThreadExit>> = const { RefCell::new(None) };
}

#[test]
fn contexts_can_be_used_while_a_thread_ends() {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        // Thread-locals are destroyed in an order of the system's choice: one is made before the ambient slot is first
        // used, one after.
        EARLY.set(Some(AtThreadExit(tell.clone())));
        within("a", || assert_eq!(seen(), "a"));
        LATE.set(Some(AtThreadExit(tell)));
    })
    .join()
    .unwrap();
    assert_eq!(told.iter().collect::<Vec<_>>(), ["", ""]);
}

#[test]
fn a_future_can_be_dropped_while_a_thread_ends() {
    struct DropsAFuture(Option<futures::future::BoxFuture<'static, ()>>);
    thread_local! {
        static HELD: RefCell<DropsAFuture> = const { RefCell::new(DropsAFuture(None)) };
    }

    let notes = Notes::default();
    let note = notes.on_drop();
    std::thread::spawn(move || {
        let mut future: futures::future::BoxFuture<'static, ()> =
            Box::pin(tags("a").scope(async move {
                let _note = note;
                std::future::pending::<()>().await;
            }));
        HELD.with_borrow_mut(|_| {});
        assert!(poll(&mut future).is_pending());
        HELD.with_borrow_mut(|held| held.0 = Some(future));
    })
    .join()
    .unwrap();
    // Whether the slot still exists by then is the system's choice; that the future is destroyed is not.
    assert_eq!(notes.all().len(), 1);
}

/// Tags that look around while they are read.
struct Curious<'a>(&'a Notes);

impl IntoTags for Curious<'_> {
    fn add_to(self, list: &mut TagList) {
        self.0.note();
        within("q", || self.0.note());
        list.add("c");
    }
}

#[test]
fn the_expressions_of_a_tags_scope_may_use_contexts() {
    let notes = Notes::default();
    within("a", || {
        let scope = context_core::context::TagScope::collect(|list| list.add(Curious(&notes)));
        scope.in_scope(|| assert_eq!(seen(), "a, c"));
        context_core::context::TagsContext::new(Curious(&notes)).in_scope(|| {
            assert_eq!(seen(), "a, c");
        });
    });
    assert_eq!(notes.all(), ["a", "a, q", "a", "a, q"]);
}

/// A value that looks around while it is serialized.
struct Curiosity(Notes);

impl serde::Serialize for Curiosity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.note();
        assert_eq!(use_everything().replace(" and more", ""), seen());
        serializer.serialize_str("c")
    }
}

#[test]
fn serializing_an_argument_may_use_contexts() {
    let notes = Notes::default();
    within("a", || {
        let mut sink = ParameterSink::new(100);
        sink.add_serialized("curious", &Curiosity(notes.clone()));
        let parameters = sink.finish();
        DeploymentContext::new(Uuid::from_u128(1), parameters).in_scope(|| {
            let read = DeploymentContext::get().unwrap();
            assert_eq!(read.parameters().get("curious"), Some(&"c".into()));
        });
        assert_eq!(seen(), "a");
    });
    assert_eq!(notes.all(), ["a"]);
}

#[test]
fn a_source_of_settings_may_use_contexts() {
    within("a", || {
        let (settings, _) = Settings::from_source(|_| {
            assert_eq!(use_everything(), "a");
            None
        });
        SettingsContext::new(settings).in_scope(|| assert_eq!(seen(), "a"));
    });
}

/// A recorder that looks around when it is destroyed, which the end of a scope may cause.
#[derive(Debug)]
struct LastWords(#[expect(dead_code, reason = "held for its destructor")] NoteOnDrop);

impl Recorder for LastWords {
    fn record(&self, _: &RunEvent<'_>) {}
}

#[test]
fn what_a_scope_owned_is_destroyed_outside_of_it() {
    let notes = Notes::default();
    let client = || Client::new(Arc::new(LastWords(notes.on_drop())));
    within("a", || {
        let context = SyncClientContext::new(client());
        let captured = context.in_scope(Context::current);
        drop(context);
        assert_eq!(notes.all(), [] as [&str; 0], "the captured context keeps the frame");
        captured.wrap_once(|| ())();
        assert_eq!(notes.all(), ["a"], "destroyed when the scope was left");

        let future = AsyncClientContext::new(client()).scope(async {});
        within("b", || drop(future));
        assert_eq!(notes.all(), ["a", "a, b"]);
    });
    assert!(nothing_is_ambient());
}

#[test]
fn the_last_owner_of_a_frame_may_be_the_thread_that_leaves_it() {
    #[derive(Debug)]
    struct Reader(Notes);
    impl Recorder for Reader {
        fn record(&self, _: &RunEvent<'_>) {}
    }
    impl Drop for Reader {
        fn drop(&mut self) {
            assert_eq!(use_everything(), "a");
            self.0.note();
        }
    }

    let notes = Notes::default();
    let recorder = Arc::new(Reader(notes.clone()));
    let context = SyncClientContext::new(Client::new(recorder)).in_scope(Context::current);
    within("a", move || {
        // Leaving this scope drops the only reference to the frame, and with it the recorder.
        context.wrap_once(|| assert_eq!(seen(), ""))();
    });
    assert_eq!(notes.all(), ["a"]);
}

/// `depth` scopes, each inside the one before, without using the stack of the thread.
fn nested(depth: usize, enter: impl Fn(usize, &dyn Fn() -> Context) -> Context) -> Context {
    let mut context = Context::empty();
    for level in 0..depth {
        context = context.run(|| enter(level, &Context::current));
    }
    context
}

#[test]
fn a_hundred_thousand_nested_scopes_are_read_and_dropped() {
    let context = nested(100_000, |level, capture| {
        let letters = ["a", "b", "c"][level % 3];
        match level % 5 {
            0 => deployment(level as u128).in_scope(capture),
            1 => context_core::context::TagScope::literal(&["l"]).in_scope(capture),
            _ => within(letters, capture),
        }
    });
    assert_eq!(context.run(seen), "a, b, c, l");
    assert_eq!(context.run(DeploymentContext::get).unwrap().id().as_u128(), 99_995);
    drop(context);
}

#[test]
fn a_hundred_thousand_nested_scopes_are_dropped_without_being_read() {
    drop(nested(100_000, |level, capture| within(["a", "b"][level % 2], capture)));
    drop(nested(100_000, |level, capture| {
        DeploymentContext::new(Uuid::from_u128(level as u128), Parameters::EMPTY).in_scope(capture)
    }));
}

#[test]
fn a_hundred_thousand_generations_keep_nothing_of_their_ancestors() {
    let mut alive = std::collections::VecDeque::new();
    let mut most = 0;
    let mut context = Context::empty();
    for generation in 0..100_000_usize {
        context = context.run(|| {
            let owned = Arc::new(LastWords(Notes::default().on_drop()));
            alive.push_back(Arc::downgrade(&owned));
            let client = Client::new(owned);
            // A run with a client, tags and a deployment of its own starts the next one and ends.
            SyncClientContext::new(client).in_scope(|| {
                let letters = ["a", "b", "c", "d"][generation % 4];
                within(letters, || {
                    deployment(generation as u128).in_scope(|| Context::current().for_spawn())
                })
            })
        });
        alive.retain(|owned| owned.strong_count() > 0);
        most = most.max(alive.len());
    }
    assert_eq!(context.run(seen), "a, b, c, d");
    assert!(most <= 1, "up to {most} generations were alive");
}
