//! A program with two flows of one name ends before it begins. In a test binary of its own, because registration is
//! for the whole program.

use std::process::Command;

use context_core::definition::{FlowDefinition, FlowOptions, Meta};
use context_core::program::run_main;
use context_core::registry::Registered;

const fn meta(module: &'static str, line: u32) -> Meta {
    Meta {
        name: "load_all",
        module,
        file: "src/flows.rs",
        line,
        source_hash: "1a2b3c4d",
        doc: "",
        parameters: &[],
        is_async: false,
    }
}

static ONE: FlowDefinition = FlowDefinition::new(meta("app::one", 7), FlowOptions::new);
static TWO: FlowDefinition = FlowDefinition::new(meta("app::two", 9), FlowOptions::new);

inventory::submit! { Registered::Flow(|| &ONE) }
inventory::submit! { Registered::Flow(|| &TWO) }

#[test]
#[ignore = "run by `the_process_ends_with_a_message`"]
fn program() {
    run_main(|| println!("it has begun"));
}

#[test]
fn the_process_ends_with_a_message() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--ignored", "--nocapture"])
        .env_remove("PREFECT_API_URL")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("it has begun"));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: 2 flows are named `load-all`: app::one (src/flows.rs:7) and app::two (src/flows.rs:9); \
         give all but one another name with `name = \"..\"`\n"
    );
}
