//! Tags that are not entered do nothing.

#![deny(unused_must_use)]

use context::prelude::*;

fn main() {
    tags!("a");
}
