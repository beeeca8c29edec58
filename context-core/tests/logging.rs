//! The subscriber of a program, in a process of its own: there can be only one.

#![cfg(feature = "logging")]

use context_core::logging::{init, try_init};

#[test]
fn installing_twice_is_the_same_as_once() {
    struct Logs;
    impl std::fmt::Display for Logs {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            tracing::warn!("inner");
            f.write_str("outer")
        }
    }

    assert_eq!(try_init(), Ok(()));
    init();
    assert_eq!(try_init(), Ok(()));
    assert!(tracing::subscriber::set_global_default(tracing_subscriber::registry()).is_err());
    // A value that logs while it is shown does not wait for itself.
    tracing::warn!("{Logs}");
}
