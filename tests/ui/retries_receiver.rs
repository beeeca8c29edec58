//! Every attempt uses the receiver.

use context::prelude::*;

struct Client;

impl Client {
    #[task(retries = 1)]
    fn take(self) -> u8 {
        1
    }

    #[task(retries = 1)]
    async fn change(&mut self) -> u8 {
        1
    }
}

fn main() {}
