//! Where the settings of a process come from. Each test starts this file again as a child, with an environment and a
//! directory of its own, in which a program runs as `#[context::main]` would run it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::unused_async,
    reason = "small programs under test"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use context::prelude::*;
use context::{Profile, SettingsContext, SyncClientContext, get_settings_context};
use context_core::program::{MainOptions, block_on_main, run_main};
use tempfile::TempDir;

const RETRIES: &str = "PREFECT_TASKS_DEFAULT_RETRIES";

/// A current directory for a program, with a home in it.
struct Place(TempDir);

/// What a program has said: its own lines, and the warnings on its standard error stream.
#[derive(Debug)]
struct Said {
    lines: Vec<String>,
    warnings: Vec<String>,
    stdout: String,
}

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        fs::create_dir(place.path("home")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    /// Runs the program `name` of this file to its end.
    fn run(&self, name: &str, variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name, "--ignored", "--nocapture"]).current_dir(self.0.path());
        for info in context::Settings::all() {
            command.env_remove(info.variable());
            for name in info.older_names() {
                command.env_remove(name);
            }
        }
        command.env_remove("PREFECT_PROFILE").env_remove("RUST_LOG");
        command.env("PREFECT_HOME", self.path("home")).env("CONTEXT_SUMMARY", "never");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        // The harness of tests prints its own lines, the first of which has no end.
        let own = |line: &str| line.split_once("| ").map(|(_, line)| line.to_owned());
        let warning = |line: &str| line.split_once("warning: ").map(|(_, line)| line.to_owned());
        Said {
            lines: stdout.lines().filter_map(own).collect(),
            warnings: stderr.lines().filter_map(warning).collect(),
            stdout,
        }
    }
}

/// The profile, and what the settings say of retries and of the API.
fn show() {
    let context = get_settings_context();
    let settings = context.settings();
    let (retries, api) = (settings.tasks_default_retries(), settings.api_url().unwrap_or("none"));
    println!("| {}, {retries} retries, api {api}", context.profile().name());
}

#[test]
#[ignore = "a program that other tests start"]
fn program() {
    run_main(show);
}

#[test]
#[ignore = "a program that other tests start"]
fn program_without_our_main() {
    show();
    show();
}

#[test]
#[ignore = "a program that other tests start"]
fn program_with_a_log() {
    let log = std::io::stdout;
    tracing_subscriber::fmt().without_time().with_ansi(false).with_writer(log).init();
    show();
}

#[test]
fn every_source_is_read_and_the_environment_wins() {
    let profiles = "active = \"mine\"\n[profiles.mine]\nPREFECT_TASKS_DEFAULT_RETRIES = 1\n\
                    PREFECT_API_URL = \"http://mine/api\"\n";
    let mut place = Place::new();
    let seen = |place: &Place, variables: &[(&str, &str)]| {
        let said = place.run("program_without_our_main", variables);
        assert_eq!(said.warnings, [""; 0]);
        said.lines[0].clone()
    };
    assert_eq!(seen(&place, &[]), "ephemeral, 0 retries, api none");
    place = place.file("home/profiles.toml", profiles);
    assert_eq!(seen(&place, &[]), "mine, 1 retries, api http://mine/api");
    place = place.file("pyproject.toml", "[tool.prefect.tasks]\ndefault_retries = 2\n");
    assert_eq!(seen(&place, &[]), "mine, 2 retries, api http://mine/api");
    place = place.file("prefect.toml", "[tasks]\ndefault_retries = 3\n");
    assert_eq!(seen(&place, &[]), "mine, 3 retries, api http://mine/api");
    place = place.file(".env", "export PREFECT_TASKS_DEFAULT_RETRIES=4 # four\n");
    assert_eq!(seen(&place, &[]), "mine, 4 retries, api http://mine/api");
    let variables = [(RETRIES, "5"), ("PREFECT_API_URL", "")];
    assert_eq!(seen(&place, &variables), "mine, 5 retries, api none");
    let variables = [("PREFECT_PROFILE", "local")];
    assert_eq!(seen(&place, &variables), "local, 4 retries, api http://127.0.0.1:4200/api");
}

#[test]
fn an_unknown_profile_is_a_warning_that_names_who_has_set_it() {
    let place = Place::new();
    let known = "`ephemeral`, `local`, `test`, `cloud`";
    let rest = format!("does not exist; there are: {known}; profile `ephemeral` is used");
    for name in ["nobody", ""] {
        for program in ["program", "program_without_our_main"] {
            let said = place.run(program, &[("PREFECT_PROFILE", name)]);
            assert_eq!(said.lines[0], "ephemeral, 0 retries, api none");
            let set_by = "set by the environment variable `PREFECT_PROFILE`";
            assert_eq!(said.warnings, [format!("profile `{name}`, {set_by}, {rest}")], "told once");
        }
    }
    let place = place.file("home/profiles.toml", "active = \"gone\"\n");
    let said = place.run("program", &[]);
    let file = place.path("home/profiles.toml");
    let expected = format!("profile `gone`, set in the profiles file {}, {rest}", file.display());
    assert_eq!(said.warnings, [expected]);
}

#[test]
fn a_program_that_listens_to_its_log_is_told_there() {
    let place = Place::new().file("prefect.toml", "[tasks]\ndefault_retries = \"many\"\n");
    let problem = "setting `tasks.default_retries` (line 2 of prefect.toml) is \"many\", but must be a whole number \
                   from 0 to 4294967295; its default is used";
    let said = place.run("program_with_a_log", &[]);
    assert_eq!(said.warnings, [""; 0]);
    let heard: Vec<_> = said.stdout.lines().filter(|line| line.contains("WARN")).collect();
    assert!(matches!(&*heard, [line] if line.ends_with(problem)), "{said:?}");
    let said = place.run("program_without_our_main", &[]);
    assert_eq!(said.warnings, [problem]);
}

#[test]
fn what_cannot_be_read_is_told_and_the_program_runs() {
    let place = Place::new()
        .file("home/profiles.toml", "[profiles.mine\n")
        .file("pyproject.toml", "[tool.prefect]\nretries = 1\n");
    fs::create_dir(place.path("prefect.toml")).unwrap();
    let said = place.run("program", &[]);
    assert_eq!(said.lines, ["ephemeral, 0 retries, api none"]);
    let profiles = place.path("home/profiles.toml");
    let [first, second, third] = &*said.warnings else { panic!("{said:?}") };
    assert!(first.starts_with("prefect.toml cannot be read: "), "{first}");
    assert_eq!(second, "there is no setting `retries` (line 2 of pyproject.toml); it is ignored");
    let expected = format!("line 1 of {} is not valid TOML: ", profiles.display());
    assert!(third.starts_with(&expected) && third.ends_with("; it is ignored"), "{third}");
}

#[cfg(unix)]
#[test]
fn the_home_is_made_for_its_owner_only_and_a_failure_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new().file("file", "");
    let home = place.path("new/home");
    let said = place.run("program", &[("PREFECT_HOME", home.to_str().unwrap())]);
    assert_eq!(said.warnings, [""; 0]);
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!home.join("profiles.toml").exists(), "nothing is written into it");

    let impossible = place.path("file/home");
    let said = place.run("program", &[("PREFECT_HOME", impossible.to_str().unwrap())]);
    assert_eq!(said.lines, ["ephemeral, 0 retries, api none"]);
    let expected =
        format!("the home directory {} (`PREFECT_HOME`) cannot be made: ", impossible.display());
    // A file of profiles below a file cannot be read, either.
    let home: Vec<_> =
        said.warnings.iter().filter(|warning| warning.starts_with(&expected)).collect();
    assert_eq!(home.len(), 1, "{said:?}");
}

/// Uses a profile that says 2, while 1 is around, and a variable may say 3.
#[test]
#[ignore = "a program that other tests start"]
fn program_that_uses_a_profile() {
    let around = get_settings_context().settings().with_tasks_default_retries(1);
    SettingsContext::new(around).in_scope(|| {
        for (overrides, includes) in [(true, true), (true, false), (false, false), (false, true)] {
            use_profile("two")
                .override_environment_variables(overrides)
                .include_current_context(includes)
                .in_scope(show)
                .unwrap();
        }
        show();
    });
}

#[test]
fn a_used_profile_gives_way_to_variables_unless_it_overrides_them() {
    let place = Place::new()
        .file("home/profiles.toml", "[profiles.two]\nPREFECT_TASKS_DEFAULT_RETRIES = 2\n");
    let seen = |variables: &[(&str, &str)]| {
        let said = place.run("program_that_uses_a_profile", variables);
        let retries = said.lines.iter().map(|line| line.split(' ').nth(1).unwrap().to_owned());
        retries.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(seen(&[]), "2 2 2 2 1");
    assert_eq!(seen(&[(RETRIES, "3")]), "2 2 3 1 1");
}

/// Uses a profile with a name that is no setting, and a setting that has no effect, twice.
#[test]
#[ignore = "a program that other tests start"]
fn program_that_uses_an_unknown_setting() {
    let profile = Profile::new("p")
        .with("PREFECT_RETRIES", 1)
        .with("PREFECT_SERVER_API_PORT", 1)
        .with("PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK", "s3/results");
    for _ in 0..2 {
        use_profile(&profile).in_scope(show).unwrap();
    }
}

#[test]
fn an_unknown_setting_of_a_profile_is_warned_of_once() {
    let said = Place::new().run("program_that_uses_an_unknown_setting", &[]);
    assert_eq!(said.lines.len(), 2);
    let [unknown, block] = &*said.warnings else { panic!("{said:?}") };
    assert_eq!(unknown, "there is no setting `PREFECT_RETRIES` of profile `p`; it is ignored");
    let expected = "setting `PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK` of profile `p` has no effect, because there are no blocks";
    assert!(block.starts_with(expected), "{block}");
}

#[task]
async fn works() -> u32 {
    7
}

#[flow]
async fn records() -> u32 {
    works().await
}

/// Runs a flow, and says how many processes it has started.
#[test]
#[ignore = "a program that other tests start"]
fn program_that_records() {
    let (client, recorder) = context::Client::in_memory();
    let output = SyncClientContext::new(client)
        .in_scope(|| block_on_main(MainOptions::default(), async { records().await }));
    let runs = recorder.flow_runs().len();
    println!("| {output}, {runs} flow run, {} children", children());
}

/// The processes that this one has started and not waited for.
fn children() -> usize {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    let lists =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.map(|list| list.split_whitespace().count()).sum()
}

#[test]
fn no_profile_and_no_setting_starts_a_server() {
    let place = Place::new();
    for variables in [
        &[("PREFECT_PROFILE", "ephemeral")][..],
        &[("PREFECT_PROFILE", "test")],
        &[("PREFECT_SERVER_EPHEMERAL_ENABLED", "true")],
    ] {
        let said = place.run("program_that_records", variables);
        assert_eq!(said.lines, ["7, 1 flow run, 0 children"], "{said:?}");
        let files: Vec<_> = fs::read_dir(place.path("home")).unwrap().collect();
        assert_eq!(files.len(), 0, "no database of a server, and nothing else");
    }
}
