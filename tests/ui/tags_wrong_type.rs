//! A tag is something that is text.

use context::prelude::*;

fn main() {
    let number = 3_u8;
    tags!(number, {});
}
