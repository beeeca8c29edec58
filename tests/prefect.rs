//! Cached results, exchanged with Prefect itself: each side finds what the other has left, under the key that it
//! computes by itself.
//!
//! `CONTEXT_TEST_PYTHON` names a Python in which Prefect is installed. Without it the tests are left out, except in CI,
//! where they fail.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use context::prelude::*;
use context::testing::Harness;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

static CALLS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    name: String,
    score: f64,
}

/// The arguments of Prefect's task are in `tests/prefect/cached.py`.
#[task(cache_policy = inputs(), cache_result_in_memory = false)]
fn collect(day: String, limit: u32, weights: Vec<f64>) -> Vec<Row> {
    CALLS.fetch_add(1, SeqCst);
    let score = weights.iter().sum::<f64>() * f64::from(limit);
    vec![Row { name: format!("é {day}"), score }]
}

#[flow]
fn load() -> Vec<Row> {
    collect("2024-02-29".to_owned(), 3, vec![0.5, 1.0, 1e-7])
}

/// The Python to check with, if there is one.
#[expect(clippy::disallowed_methods, reason = "a test is told from outside what to check with")]
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("CONTEXT_TEST_PYTHON").map(PathBuf::from);
    let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    if python.is_none() {
        assert!(!is_ci, "in CI, CONTEXT_TEST_PYTHON must name a Python with Prefect");
        println!("left out: CONTEXT_TEST_PYTHON does not name a Python with Prefect");
    }
    python
}

/// What the script prints. Prefect's home is that of the harness, so both have the same default storage.
fn prefect(python: &Path, action: &str, home: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prefect/cached.py");
    let output = Command::new(python)
        .arg(script)
        .arg(action)
        .env("PREFECT_HOME", home)
        .env_remove("PREFECT_API_URL")
        .env("PREFECT_LOGGING_LEVEL", "ERROR")
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{action}` failed:\n{complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn each_finds_what_the_other_has_left() {
    let Some(python) = python() else { return };
    let rows = json!([{"name": "é 2024-02-29", "score": 4.500_000_3}]);

    // Ours is found by Prefect.
    let harness = Harness::new();
    let report = harness.run_blocking(load);
    report.assert_states("collect", ["Pending", "Running", "Completed"]);
    assert_eq!(CALLS.swap(0, SeqCst), 1);
    let found = prefect(&python, "read", harness.home_path());
    assert_eq!(found["exists"], true, "{found}");
    assert_eq!(found["value"], rows);

    // Prefect's is found by us.
    let harness = Harness::new();
    let written = prefect(&python, "write", harness.home_path());
    assert_eq!(written["key"], found["key"]);
    let report = harness.run_blocking(load);
    report.assert_states("collect", ["Pending", "Running", "Cached"]);
    assert_eq!(CALLS.load(SeqCst), 0);
    assert_eq!(report.output, [Row { name: "from Prefect".to_owned(), score: 0.25 }]);
}
