//! `select!` hides its awaits.

use context::prelude::*;

async fn wait() {
    tags!("a", {
        tokio::select! {
            () = std::future::ready(()) => {}
        }
    });
}

fn main() {
    drop(wait());
}
