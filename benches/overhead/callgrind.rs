//! Instructions of one operation, counted by callgrind.

use std::process::{Child, Command, Stdio};

use context::Timestamp;

use crate::Effort;
use crate::cases::Case;

pub(crate) const CASE: &str = "--case";
pub(crate) const ITERATIONS: &str = "--iterations";

/// What is counted. Callgrind is told its name.
#[inline(never)]
pub(crate) fn counted(case: &Case, iterations: u64) {
    case.run(iterations);
}

/// Runs a case for callgrind.
pub(crate) fn run(case: &Case, iterations: u64) {
    // The clock measures itself when it is first read, which takes more or fewer instructions each time.
    Timestamp::now();
    counted(case, iterations);
}

/// True if valgrind is installed.
pub(crate) fn is_there() -> bool {
    Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok()
}

/// Instructions of one iteration of the case `name`: two runs, so that what does not repeat cancels out.
pub(crate) fn instructions(name: &str, effort: Effort) -> f64 {
    let few: u32 = effort.choose(1, 4_000, 20_000);
    let runs = [few, 2 * few].map(|iterations| start(name, iterations));
    let [once, twice] = runs.map(collected);
    (twice - once) / f64::from(few)
}

fn start(name: &str, iterations: u32) -> Child {
    Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*callgrind*counted*")
        .arg(std::env::current_exe().expect("the path of this program"))
        .args([CASE, name, ITERATIONS, &iterations.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("valgrind starts")
}

/// The total that callgrind prints: `==123== Collected : 45678`.
fn collected(run: Child) -> f64 {
    let output = run.wait_with_output().expect("valgrind ends");
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .find_map(|line| line.split_once("Collected : "))
        .and_then(|(_, total)| total.trim().parse().ok())
        .unwrap_or_else(|| panic!("valgrind counted nothing:\n{text}"))
}
