//! What the annotations add to the time that a crate takes to build.
//!
//! `cargo bench --bench compile` writes two crates of 200 functions, plain and annotated, with the same dependencies,
//! and builds each several times in turns. It compares processor time (user and system, of cargo and all it starts),
//! which depends little on what else the machine does: the least of each. Linux only, since it reads `/proc`.
//!
//! `-- --quick` builds less often and leaves out release builds. Without cargo's `--bench` it only writes the crates.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FUNCTIONS: usize = 200;

/// The most processor time that `cargo check` may take longer, in seconds.
const BAR: f64 = 1.5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let workspace = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile");
    write_workspace(&workspace);
    if has("--test") || !has("--bench") {
        println!("the crates are written; `cargo bench` builds them");
        return;
    }
    let times = if has("--quick") { 2 } else { 5 };
    println!(
        "{FUNCTIONS} functions, processor seconds: {:>12} {:>10} {:>10}",
        "plain", "tasks", "added"
    );
    let added = compare(&workspace, "cargo check", &["check"], times);
    if !has("--quick") {
        compare(&workspace, "cargo build --release", &["build", "--release"], 3);
    }
    let verdict = if added <= BAR { "ok" } else { "missed (time)" };
    println!("\nbar for `cargo check`: {BAR:.2} s added, measured {added:.2}: {verdict}");
}

/// Builds both crates in turns; what the annotations add.
fn compare(workspace: &Path, what: &str, command: &[&str], times: usize) -> f64 {
    let crates = ["plain", "tasks"];
    for name in crates {
        // The first build makes the dependencies.
        build(workspace, name, command);
    }
    let mut least = [f64::INFINITY; 2];
    for _ in 0..times {
        for (name, least) in crates.iter().zip(&mut least) {
            *least = least.min(build(workspace, name, command));
        }
    }
    let [plain, tasks] = least;
    println!("{what:<38} {plain:>12.2} {tasks:>10.2} {:>10.2}", tasks - plain);
    tasks - plain
}

/// Builds one crate; the processor time it took.
fn build(workspace: &Path, name: &str, command: &[&str]) -> f64 {
    let source = source_of(workspace, name);
    let text = fs::read(&source).expect("the source is there");
    // Written again, it is newer than what was built from it.
    fs::write(&source, text).expect("the source can be written");
    let before = children_seconds();
    let status = Command::new(env!("CARGO"))
        .current_dir(workspace)
        .args(command)
        .args(["--offline", "--quiet", "--package", name])
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TARGET_DIR", workspace.join("target"))
        .stdout(Stdio::null())
        .status()
        .expect("cargo starts");
    assert!(status.success(), "`{name}` does not build");
    children_seconds() - before
}

/// User and system time of all processes that this one has waited for, with theirs.
fn children_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("this is Linux");
    // The command's name, in parentheses, may contain spaces; `cutime` and `cstime` are fields 16 and 17.
    let (_, fields) = stat.rsplit_once(')').expect("`stat` has a command in parentheses");
    let ticks = fields.split_whitespace().skip(13).take(2);
    // A tick is 10 ms on every Linux there is.
    ticks.map(|field| field.parse::<f64>().expect("a number of ticks")).sum::<f64>() / 100.0
}

fn source_of(workspace: &Path, name: &str) -> PathBuf {
    workspace.join(name).join("src").join("lib.rs")
}

fn write_workspace(workspace: &Path) {
    let write = |path: PathBuf, text: String| {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    };
    let repository = env!("CARGO_MANIFEST_DIR");
    write(
        workspace.join("Cargo.toml"),
        "[workspace]\nmembers = [\"plain\", \"tasks\"]\nresolver = \"3\"\n".to_owned(),
    );
    let lock = fs::read_to_string(Path::new(repository).join("Cargo.lock"));
    write(workspace.join("Cargo.lock"), lock.expect("the repository has a lock file"));
    for (name, attribute) in [("plain", ""), ("tasks", "#[context::task]\n")] {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\ncontext = {{ path = {repository:?} }}\n"
        );
        write(workspace.join(name).join("Cargo.toml"), manifest);
        write(source_of(workspace, name), source(attribute));
    }
}

/// Half of the functions are asynchronous.
fn source(attribute: &str) -> String {
    let mut source = String::new();
    for number in 0..FUNCTIONS {
        let asyncness = if number % 2 == 0 { "async " } else { "" };
        write!(
            source,
            "{attribute}pub {asyncness}fn function_{number}(name: String, count: u32) -> Result<String, String> {{\n    \
                 if count > {number} {{ Err(format!(\"{{name}} has {{count}}\")) }} else {{ Ok(name) }}\n\
             }}\n\n"
        )
        .expect("a string takes everything");
    }
    source
}
