//! The ambient mechanism, from outside: no context leaks to a sibling, none survives its scope, and every way of
//! leaving a scope (return, panic, drop half-way, abort) restores what was there before.
//!
//! `property` drives random programs against a lexical model; the other modules show one behaviour at a time.

#[path = "mechanism/blocks.rs"]
mod blocks;
#[path = "mechanism/carry.rs"]
mod carry;
#[path = "mechanism/corners.rs"]
mod corners;
#[path = "mechanism/futures.rs"]
mod futures_and_threads;
#[path = "mechanism/policies.rs"]
mod policies;
#[path = "mechanism/property.rs"]
mod property;
#[path = "mechanism/support.rs"]
mod support;
#[path = "mechanism/sync.rs"]
mod sync;
