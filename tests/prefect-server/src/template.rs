//! The template: a database of Prefect that is migrated already. It is made once for a machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::environment::{Python, VERSION};
use crate::options::Options;
use crate::port::Port;
use crate::process::Process;

/// Without it what was written last is in another file, and a copy of the first is of no use.
const CHECKPOINT: &str = "
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    busy, *_ = connection.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()
assert not busy
";

/// Copies the template into the home of a server. Makes it first if it is not there yet; then all other test binaries
/// of this machine wait for it.
///
/// # Panics
///
/// If the template cannot be made or copied.
pub(crate) fn copy_to(home: &Path, python: &Python) {
    let template = python.tools.join(format!("prefect-template-{VERSION}.db"));
    if !template.exists() {
        fs::create_dir_all(&python.tools)
            .unwrap_or_else(|error| panic!("cannot make {}: {error}", python.tools.display()));
        let lock = lock(&template.with_extension("lock"));
        if !template.exists() {
            make(&template, python);
        }
        drop(lock);
    }
    copy(&template, &home.join("prefect.db"));
}

/// Lets a server migrate a new database. Whoever finds the template finds all of it, because it is moved there.
fn make(template: &Path, python: &Python) {
    let home = tempfile::tempdir().expect("a directory for temporary files");
    let port = Port::free();
    Process::start(python, home.path(), port.number, &Options::new()).stop();
    let database = home.path().join("prefect.db");
    let output = Command::new(&python.path).args(["-c", CHECKPOINT]).arg(&database).output();
    let output = output.expect("it has just been started");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the new database cannot be finished:\n{complaint}");
    let part: PathBuf = template.with_extension("part");
    copy(&database, &part);
    fs::rename(&part, template)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", template.display()));
}

fn copy(from: &Path, to: &Path) {
    if let Err(error) = fs::copy(from, to) {
        panic!("cannot copy {} to {}: {error}", from.display(), to.display());
    }
}

/// Waits until nobody else has the lock. It is given back when the file is dropped, or the process ends.
fn lock(path: &Path) -> File {
    let file = File::create(path).and_then(|file| file.lock().map(|()| file));
    file.unwrap_or_else(|error| panic!("cannot lock {}: {error}", path.display()))
}
