//! Every mistake that a user can make with the macros has a message; each fixture is one.
//!
//! A changed message is a reviewed change: `TRYBUILD=overwrite cargo test --test ui` writes the new ones.

#[test]
fn mistakes_get_messages_that_say_what_is_right() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
