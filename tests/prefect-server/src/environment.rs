//! What tests are told from outside: which Python has Prefect, which server runs already.

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Once, OnceLock};

/// The version of Prefect that all is compared with. `.ci/run` installs it.
pub const VERSION: &str = "3.8.8";

/// A Python in which Prefect is installed.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    pub(crate) path: PathBuf,
    /// Where things may be kept that are made once for it.
    pub(crate) tools: PathBuf,
}

#[expect(clippy::disallowed_methods, reason = "a test is told from outside what to check with")]
fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name)?;
    let value = value.into_string().unwrap_or_else(|_| panic!("{name} is not UTF-8"));
    (!value.is_empty()).then_some(value)
}

/// The variables of Prefect that this process was started with. A server of ours must not see them.
#[expect(
    clippy::disallowed_methods,
    reason = "the server must not inherit the developer's own settings"
)]
pub(crate) fn variables_of_prefect() -> Vec<std::ffi::OsString> {
    let is_prefects = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("PREFECT_");
    env::vars_os().map(|(name, _)| name).filter(is_prefects).collect()
}

/// The server that was started for the whole suite, as `CONTEXT_TEST_PREFECT_API_URL` names it.
pub(crate) fn api_url() -> Option<String> {
    variable("CONTEXT_TEST_PREFECT_API_URL").map(|url| url.trim_end_matches('/').to_owned())
}

/// The Python that `CONTEXT_TEST_PYTHON` names. `None`, after a notice, if it names none and this is not CI.
///
/// # Panics
///
/// In CI without such a Python, and if Prefect is not there or of another version.
pub(crate) fn python() -> Option<&'static Python> {
    static PYTHON: OnceLock<Option<Python>> = OnceLock::new();
    PYTHON.get_or_init(|| variable("CONTEXT_TEST_PYTHON").map(checked)).as_ref().or_else(|| {
        leave_out();
        None
    })
}

/// A Python in which Prefect is installed, to run a program with it. It knows nothing of the settings of Prefect that this
/// process was started with. `None` if there is none; then the test is to be left out, which a notice on standard error
/// says once.
///
/// # Panics
///
/// If there is none in CI, or its Prefect is not of [`VERSION`].
pub fn python_command() -> Option<Command> {
    let mut command = Command::new(&python()?.path);
    for name in variables_of_prefect() {
        command.env_remove(name);
    }
    Some(command)
}

/// Says that tests are left out. `println!` would say it to the test harness, which keeps it to itself.
fn leave_out() {
    const ADVICE: &str =
        "CONTEXT_TEST_PYTHON does not name a Python with Prefect (`.ci/run` makes one)";
    static SAID: Once = Once::new();
    let is_ci = variable("CI").is_some_and(|value| value == "true");
    assert!(!is_ci, "in CI, no test may be left out, but {ADVICE}");
    SAID.call_once(|| {
        let notice = format!("\nLEFT OUT: tests against a Prefect server, because {ADVICE}\n");
        drop(io::stderr().write_all(notice.as_bytes()));
    });
}

/// `path` as a Python, if it has the right Prefect.
fn checked(path: String) -> Python {
    let path = PathBuf::from(path);
    let ask = "import importlib.metadata as m; print(m.version('prefect'), end='')";
    let answer = Command::new(&path).args(["-c", ask]).output();
    let answer = answer.unwrap_or_else(|error| {
        panic!("CONTEXT_TEST_PYTHON is {}, which does not start: {error}", path.display())
    });
    assert!(
        answer.status.success(),
        "CONTEXT_TEST_PYTHON is {}, which has no Prefect:\n{}",
        path.display(),
        String::from_utf8_lossy(&answer.stderr)
    );
    let version = String::from_utf8_lossy(&answer.stdout);
    assert_eq!(version, VERSION, "the version of Prefect in {}", path.display());
    Python { tools: tools_beside(&path), path }
}

/// The directory beside a virtual environment, or `target/ci-tools` for a Python that is not in one.
fn tools_beside(python: &Path) -> PathBuf {
    let environment = python.parent().and_then(Path::parent);
    let environment = environment.filter(|folder| folder.join("pyvenv.cfg").exists());
    match environment.and_then(Path::parent) {
        Some(folder) => folder.to_owned(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/ci-tools"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_for_a_virtual_environment_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join("venv/bin/python");
        let elsewhere = tools_beside(&python);
        assert!(elsewhere.ends_with("target/ci-tools"), "{}", elsewhere.display());
        std::fs::create_dir_all(folder.path().join("venv/bin")).unwrap();
        std::fs::write(folder.path().join("venv/pyvenv.cfg"), "").unwrap();
        assert_eq!(tools_beside(&python), folder.path());
    }
}
