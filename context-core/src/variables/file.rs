//! Variables where there is no server: in a file.
//!
//! The file is read as a whole and written as a whole: elsewhere first, and then moved, so that a reader finds what was
//! there before or what is there now. Who changes it holds a lock file meanwhile, so that changes of several processes
//! do not undo each other.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::record::{Answer, NewVariable, OrchestrationError, Variables};
use crate::settings::Settings;

/// The form of the file that is written. Another one is left alone.
const VERSION: u32 = 1;

/// The variables below one home.
#[derive(Clone, Debug)]
pub(super) struct VariablesFile {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    variables: BTreeMap<String, Kept>,
}

impl Default for Content {
    fn default() -> Self {
        Self { version: VERSION, variables: BTreeMap::new() }
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    value: Value,
    #[serde(default)]
    tags: Vec<String>,
}

impl VariablesFile {
    pub(super) fn of(settings: &Settings) -> Self {
        Self { folder: settings.home().join("context") }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("variables.json")
    }

    fn read(&self) -> Result<Content, OrchestrationError> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Content::default());
            }
            read => read.map_err(|err| problem("read", &path, &err))?,
        };
        let content: Content = serde_json::from_slice(&bytes).map_err(|err| {
            let path = path.display();
            OrchestrationError::new(format!(
                "the variables in {path} cannot be read: {err}; mend the file, or delete it to begin anew"
            ))
        })?;
        if content.version != VERSION {
            let (path, version) = (path.display(), content.version);
            return Err(OrchestrationError::new(format!(
                "the variables in {path} are in form {version}, but this version knows form {VERSION}; \
                 update the crate `context`"
            )));
        }
        Ok(content)
    }

    /// Changes the variables as `change` says, unless that gives false.
    fn change(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Kept>) -> bool,
    ) -> Result<bool, OrchestrationError> {
        let folder = |err| problem("write", &self.folder, &err);
        make_folder(&self.folder).map_err(folder)?;
        // Closing it ends the lock.
        let lock = self.lock().map_err(folder)?;
        let mut content = self.read()?;
        let changed = change(&mut content.variables);
        if changed {
            self.write(&content).map_err(|err| problem("write", &self.path(), &err))?;
        }
        drop(lock);
        Ok(changed)
    }

    fn lock(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.folder.join("variables.lock"))?;
        file.lock()?;
        Ok(file)
    }

    fn write(&self, content: &Content) -> io::Result<()> {
        // Nobody but the owner can read what `tempfile` makes.
        let mut file = tempfile::Builder::new().prefix(".variables-").tempfile_in(&self.folder)?;
        serde_json::to_writer_pretty(&mut file, content)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(self.path()).map(drop).map_err(|err| err.error)
    }

    /// Has `work` done where it may block.
    fn away<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, OrchestrationError> + Send + 'static,
    ) -> Answer<T> {
        let this = self.clone();
        Box::pin(async move {
            let Ok(handle) = Handle::try_current() else { return work(&this) };
            match handle.spawn_blocking(move || work(&this)).await {
                Ok(done) => done,
                Err(err) => match err.try_into_panic() {
                    Ok(payload) => std::panic::resume_unwind(payload),
                    Err(err) => Err(OrchestrationError::new(format!(
                        "the variables were not reached: {err}"
                    ))),
                },
            }
        })
    }
}

impl Variables for VariablesFile {
    fn read_variable(&self, name: String) -> Answer<Option<Value>> {
        self.away(move |file| Ok(file.read()?.variables.remove(&name).map(|kept| kept.value)))
    }

    fn write_variable(&self, variable: NewVariable) -> Answer<bool> {
        self.away(move |file| {
            file.change(|variables| {
                let NewVariable { name, value, tags, overwrite } = variable;
                let allowed = overwrite || !variables.contains_key(&name);
                if allowed {
                    variables.insert(name, Kept { value, tags });
                }
                allowed
            })
        })
    }

    fn delete_variable(&self, name: String) -> Answer<bool> {
        self.away(move |file| file.change(|variables| variables.remove(&name).is_some()))
    }
}

/// Makes `folder`, which only the owner may look into.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn problem(action: &str, path: &Path, error: &io::Error) -> OrchestrationError {
    let path = path.display();
    OrchestrationError::new(format!(
        "cannot {action} the variables in {path}: {error}; variables are below PREFECT_HOME where no server is named"
    ))
}
