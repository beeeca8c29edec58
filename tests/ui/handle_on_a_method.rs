//! A method has no handle.

use context::prelude::*;

struct Client;

impl Client {
    #[task(handle = Count)]
    fn count(&self, x: u8) -> u8 {
        x
    }
}

fn main() {}
