//! Errors in a body are those of a plain function.

use context::prelude::*;

#[task]
fn plain(x: u8) -> u8 {
    "a"
}

#[task]
async fn awaited(x: u8) -> Result<u8, String> {
    x
}

struct Client;

impl Client {
    #[task]
    async fn method(&self, x: u8) -> u8 {
        x;
    }
}

fn main() {}
