//! Tags are text.

use context::prelude::*;

fn main() {
    tags!(1, 'b', {});
}
