//! Whatever a text is, reading it as a snapshot and hydrating it ends in a value or a typed error; and what was read is
//! written as something that is read as the same.
//!
//! `seeds/snapshot` has snapshots of runs of the functions below.

#![no_main]

use context::prelude::*;
use context::{SerializedContext, hydrated_context, serialize_context};
use libfuzzer_sys::fuzz_target;

#[task]
fn fetch(url: String, depth: u8) -> usize {
    url.len() + usize::from(depth)
}

#[flow]
fn crawl(pages: Vec<String>) -> usize {
    pages.into_iter().map(|page| fetch(page, 1)).sum()
}

fuzz_target!(|text: &str| {
    let Ok(snapshot) = SerializedContext::from_json(text) else { return };
    let written = snapshot.to_json();
    let again = SerializedContext::from_json(&written).expect("what was written can be read");
    assert_eq!(again.to_json(), written);
    if let Ok(hydrated) = hydrated_context(&snapshot) {
        hydrated.in_scope(|| drop(serialize_context().to_json()));
    }
    // So that the functions are linked, and found.
    std::hint::black_box((crawl as fn(_) -> _, fetch as fn(_, _) -> _));
});
