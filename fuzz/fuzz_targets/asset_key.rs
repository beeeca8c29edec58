//! Whatever a text is, it is an asset's key or a typed error.

#![no_main]

use context::Asset;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Asset::new(text) {
        Ok(asset) => assert_eq!(asset.key(), text),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
