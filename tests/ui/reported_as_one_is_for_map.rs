//! Runs that are reported as one are those of a `map`.
use context::prelude::*;

#[task]
fn double(n: u8) -> u8 {
    n * 2
}

#[task]
fn constant() -> u8 {
    1
}

fn main() {
    let _ = double::with_options().reported_as_one().submit(1);
    let _ = double::with_options().reported_as_one().call(1);
    let _ = double::with_options().reported_as_one().retries(1).map([1, 2]);
    let _ = constant::with_options().reported_as_one().map();
}
