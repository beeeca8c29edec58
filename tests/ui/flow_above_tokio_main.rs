//! The runtime's attribute stands on top.

use context::prelude::*;

#[flow]
#[tokio::main]
async fn main() {}
