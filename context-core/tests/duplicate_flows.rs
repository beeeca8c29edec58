//! A program with two flows of one name is told so before it begins. In a test binary of its own, because registration is
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
#[ignore = "run by `both_places_are_named_at_the_start`"]
fn program() {
    run_main(|| println!("it has begun"));
}

#[test]
fn both_places_are_named_at_the_start() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--ignored", "--nocapture"])
        .env_remove("PREFECT_API_URL")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("it has begun"));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "warning: 2 flows are named `load-all`: app::one (src/flows.rs:7) and app::two (src/flows.rs:9); \
         give all but one another name with `name = \"..\"`\n"
    );
}
