//! Scopes of plain functions.

use context_core::context::{
    Context, ContextModel, DeploymentContext, SettingsContext, TagsContext, enter_tags,
};
use context_core::settings::Settings;

use crate::support::{
    Notes, deployment, nothing_is_ambient, panic_silently, panics, seen, tags, within,
};

fn profile(name: &str) -> SettingsContext {
    SettingsContext::new(Settings::from_source(|_| None).0.with_profile(name))
}

#[test]
fn scopes_add_up_and_end_one_by_one() {
    within("a", || {
        within("bc", || {
            within("a", || assert_eq!(seen(), "a, b, c"));
            assert_eq!(seen(), "a, b, c");
        });
        assert_eq!(seen(), "a");
    });
    assert!(nothing_is_ambient());
}

#[test]
fn each_kind_has_a_stack_of_its_own() {
    let outside = SettingsContext::get().profile().name().to_owned();
    within("a", || {
        profile("one").in_scope(|| {
            deployment(1).in_scope(|| {
                profile("two").in_scope(|| {
                    within("b", || {
                        assert_eq!(seen(), "a, b");
                        assert_eq!(SettingsContext::get().profile().name(), "two");
                        assert_eq!(DeploymentContext::get().unwrap().id().as_u128(), 1);
                    });
                });
                assert_eq!(SettingsContext::get().profile().name(), "one");
            });
            assert!(DeploymentContext::get().is_none());
            assert_eq!(seen(), "a");
        });
        assert_eq!(SettingsContext::get().profile().name(), outside);
    });
}

#[test]
fn a_value_may_be_entered_in_itself() {
    let context = TagsContext::new(["a"]);
    context.in_scope(|| {
        context.in_scope(|| assert_eq!(seen(), "a"));
        assert_eq!(seen(), "a");
    });
    assert!(nothing_is_ambient());
}

#[test]
fn a_scope_gives_back_the_value_of_its_closure() {
    assert_eq!(tags("a").in_scope(seen), "a");
    assert_eq!(deployment(1).in_scope(|| 7), 7);
    assert_eq!(Context::empty().run(|| 8), 8);
}

/// Enters `depth` scopes, panics in the innermost, and catches the panic at depth `caught`.
fn dive(depth: usize, at: usize, caught: usize) {
    let expected = vec!["a"; usize::from(at > 0)].join("");
    assert_eq!(seen(), expected);
    if at == depth {
        panic_silently();
    }
    let deeper = || match at % 3 {
        0 => within("a", || dive(depth, at + 1, caught)),
        1 => deployment(at as u128).in_scope(|| dive(depth, at + 1, caught)),
        _ => Context::current().run(|| dive(depth, at + 1, caught)),
    };
    let before = format!("{:?}", Context::current());
    if at == caught {
        assert!(panics(deeper));
        assert_eq!(format!("{:?}", Context::current()), before);
    } else {
        deeper();
    }
}

#[test]
fn a_panic_restores_whatever_level_catches_it() {
    for depth in 1..12 {
        for caught in 0..depth {
            assert!(!panics(|| dive(depth, 0, caught)), "depth {depth}, caught at {caught}");
            assert!(nothing_is_ambient());
        }
    }
}

#[test]
fn destructors_see_the_scope_that_is_being_unwound() {
    let notes = Notes::default();
    let unwound = panics(|| {
        let _outside = notes.on_drop();
        within("a", || {
            let _outer = notes.on_drop();
            within("b", || {
                let _inner = notes.on_drop();
                panic_silently()
            })
        })
    });
    assert!(unwound);
    assert_eq!(notes.all(), ["a, b", "a", ""]);
}

#[test]
fn a_scope_may_be_entered_while_another_is_unwound() {
    struct EnterOnDrop(Notes);
    impl Drop for EnterOnDrop {
        fn drop(&mut self) {
            within("z", || self.0.note());
            self.0.note();
        }
    }

    let notes = Notes::default();
    let unwound = panics(|| {
        within("a", || {
            let _enters = EnterOnDrop(notes.clone());
            panic_silently()
        })
    });
    assert!(unwound);
    assert_eq!(notes.all(), ["a, z", "a"]);
    assert!(nothing_is_ambient());
}

#[test]
fn guards_last_until_they_are_dropped() {
    {
        let _a = enter_tags(tags("a"));
        {
            let _b = enter_tags(tags("b"));
            assert_eq!(seen(), "a, b");
        }
        assert_eq!(seen(), "a");
        let returns = || {
            let _c = enter_tags(tags("c"));
            seen()
        };
        assert_eq!(returns(), "a, c");
        assert_eq!(seen(), "a");
    }
    assert!(nothing_is_ambient());
}

#[test]
fn a_captured_context_replaces_what_is_there() {
    let captured = within("a", || deployment(1).in_scope(Context::current));
    within("b", || {
        captured.run(|| {
            assert_eq!(seen(), "a");
            assert_eq!(DeploymentContext::get().unwrap().id().as_u128(), 1);
            Context::empty().run(|| assert!(nothing_is_ambient()));
            assert_eq!(seen(), "a");
        });
        assert_eq!(seen(), "b");
        assert!(DeploymentContext::get().is_none());
    });
}

#[test]
fn a_changed_copy_does_not_change_the_scope_it_was_read_from() {
    within("a", || {
        let copy = TagsContext::get().with_current_tags(["z"]);
        assert_eq!((seen(), copy.current_tags().to_string()), ("a".to_owned(), "z".to_owned()));
        copy.in_scope(|| assert_eq!(seen(), "a, z"));
        assert_eq!(seen(), "a");
    });
}

#[test]
fn threads_do_not_see_each_other() {
    let barrier = std::sync::Barrier::new(4);
    std::thread::scope(|threads| {
        for letter in ["a", "b", "c", "d"] {
            let barrier = &barrier;
            threads.spawn(move || {
                assert!(nothing_is_ambient());
                for _ in 0..100 {
                    within(letter, || {
                        barrier.wait();
                        assert_eq!(seen(), letter);
                        barrier.wait();
                    });
                    assert!(nothing_is_ambient());
                }
            });
        }
    });
}
