//! A macro that hides an await keeps the tags on the thread.

use context::prelude::*;

macro_rules! hidden {
    ($future:expr) => {
        $future.await
    };
}

async fn wait() {
    tags!("a", { hidden!(std::future::ready(())) });
}

fn send(_: impl Send) {}

fn main() {
    send(wait());
}
