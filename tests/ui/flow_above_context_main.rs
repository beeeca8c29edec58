//! Our own runtime attribute stands on top as well.

use context::prelude::*;

#[flow]
#[context::main]
async fn main() {}
