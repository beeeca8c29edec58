//! An associated function without a receiver cannot have a handle.

use context::prelude::*;

struct Client;

impl Client {
    #[task]
    fn count(x: u8) -> u8 {
        x
    }
}

fn main() {}
