//! Tags: `tags!` blocks, nested and with values, in async code, and across spawns.
//!
//! Prints the tags that each piece of code sees, and the tags of the runs it makes.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use context::prelude::*;

/// A task has its own tags besides those that surround the call.
#[task(tags = ["io"])]
async fn load(what: &'static str) {
    tokio::task::yield_now().await;
    println!("{what:<32} [{}]", current_run!().tags());
}

fn show(what: &str) {
    println!("{what:<32} [{}]", TagsContext::get().current_tags());
}

#[flow]
async fn tagged(day: u8) -> Result<(), RunError> {
    load("a task's own").await;

    // A block is an expression and stays in place: `?`, `return` and `.await` work as in any block.
    let both = tags!("nightly", {
        load("in a block").await;
        // Tags may be expressions: texts, or collections of texts.
        tags!(format!("day-{day}"), ["eu", "us"], {
            load("in a nested block").await;
            TagsContext::get().current_tags().len()
        })
    });
    println!("{:<32} {both} tags", "the value of the block:");
    show("after the block");

    // Tags are read when a call is made, so a run that was submitted in a block has the block's tags.
    let submitted = tags!("batch", { load::submit("submitted in a block") });
    submitted.await?;

    tags!("spawned", {
        // A plain spawn starts with no context at all; `context::spawn` carries it on.
        #[expect(clippy::disallowed_methods, reason = "to show what it does")]
        let plain = tokio::spawn(async { show("in `tokio::spawn`") });
        plain.await.expect("it does not panic");
        context::spawn(async { show("in `context::spawn`") }).await.expect("it does not panic");
        // The same for threads, and for futures that others spawn.
        context::thread::spawn(|| show("in `context::thread::spawn`")).join().expect("it is fine");
        let carried = async { show("`.in_current_context()`") }.in_current_context();
        #[expect(clippy::disallowed_methods, reason = "the future carries its context itself")]
        tokio::spawn(carried).await.expect("it does not panic");
    });

    // Without a block, `tags!` is a value, to be entered around a future or a closure. A call takes the tags that
    // surround the call, so it stands inside the future.
    tags!("value").scope(async { load("around a future").await }).await;
    tags!("value").in_scope(|| show("around a closure"));
    Ok(())
}

#[context::main]
async fn main() -> Result<(), RunError> {
    tagged(7).await
}
