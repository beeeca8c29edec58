//! Tags have no names.

use context::prelude::*;

fn main() {
    tags!(tag = "a");
}
