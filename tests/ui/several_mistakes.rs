//! Every mistake is reported, and the function and its handle stay usable.

use context::prelude::*;

#[task(bogus = 1, retries = "three", timeout = 30)]
fn add(wait_for: u8) -> u8 {
    wait_for
}

fn main() {
    add(1);
    let _ = add::submit(1);
}
