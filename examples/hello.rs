//! The smallest program: a flow that calls a task.
//!
//! Prints the greetings. What ran, for how long and how it ended follows on standard error, written by
//! `#[context::main]`.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use context::prelude::*;

/// Makes one greeting. The arguments may be borrowed: a direct call is a plain call.
#[task]
fn greet(name: &str) -> String {
    format!("hello, {name}, from the task `{}`", current_run!(task).task_name())
}

#[flow]
fn hello(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| greet(name)).collect()
}

#[context::main]
fn main() {
    for greeting in hello(&["Ada", "Grace"]) {
        println!("{greeting}");
    }
}
