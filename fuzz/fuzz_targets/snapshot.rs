//! Whatever a text is, reading it as a snapshot and hydrating it ends in a value or a typed error; and what was read is
//! written as something that is read as the same.

#![no_main]

use context_core::context::{SerializedContext, hydrated_context};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(snapshot) = SerializedContext::from_json(text) else { return };
    let written = snapshot.to_json();
    let again = SerializedContext::from_json(&written).expect("what was written can be read");
    assert_eq!(again.to_json(), written);
    if let Ok(hydrated) = hydrated_context(&snapshot) {
        hydrated.in_scope(|| drop(context_core::context::serialize_context().to_json()));
    }
});
