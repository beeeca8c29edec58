//! Attributes of functions go on functions.

use context::prelude::*;

#[task]
struct Add;

#[flow]
impl Add {}

#[task]
mod add {}

fn main() {}
