//! Writes the transcript of a conversation: reads one from standard input, and writes what a comparison needs of it.
//!
//! `cargo run -p prefect-server --example transcript <recorded.json >tests/data/wire/22-new-scenario.json`

#![expect(clippy::print_stdout, reason = "the transcript is its output")]

use std::io;

use prefect_server::compare::Conversation;

fn main() -> io::Result<()> {
    let recorded = serde_json::from_reader(io::stdin())?;
    print!("{}", Conversation::from_json(&recorded).to_json());
    Ok(())
}
