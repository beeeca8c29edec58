//! A storage in a directory.
//!
//! A key is a path below the directory, the very one that Prefect uses. A file is written in a folder of its own and
//! then renamed, so whoever opens a key finds a whole file, whenever a writer died. What dead writers left behind is
//! swept when a process writes for the first time. Files are not synced to the disk: they survive the process, but after
//! a power failure one may be empty, which its reader tells.
//!
//! `object_store` has such a storage too. It refuses keys that end in `#` and digits, keeps unfinished files beside the
//! finished ones for ever, and needs a longer name than the key's for them.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use tokio::runtime::Handle;

use super::super::ResultError;
use super::super::key::{self, TEMP_FOLDER};
use super::StorageError;
use crate::clock::Timestamp;

/// The age at which an unfinished file has no writer any more.
const ABANDONED: Duration = Duration::from_secs(3600);

pub(super) struct LocalDirectory {
    /// As given, but absolute.
    base: PathBuf,
    /// Without symbolic links, as Prefect names it in records. Known once the directory exists.
    root: OnceLock<PathBuf>,
    /// Whether what dead writers have left was removed.
    swept: Once,
}

impl LocalDirectory {
    pub(super) fn new(path: &Path) -> Result<Self, StorageError> {
        if path.as_os_str().is_empty() {
            return Err(StorageError::Empty);
        }
        let shown = || path.display().to_string();
        if path.starts_with("~") || path.to_str().is_some_and(|text| text.starts_with('~')) {
            return Err(StorageError::Tilde { path: shown() });
        }
        let base = std::path::absolute(path)
            .map_err(|err| StorageError::Path { path: shown(), detail: err.to_string() })?;
        Ok(Self { base, root: OnceLock::new(), swept: Once::new() })
    }

    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The directory without symbolic links, also if it does not exist yet.
    fn root(&self) -> Cow<'_, Path> {
        if let Some(root) = self.root.get() {
            return Cow::Borrowed(root);
        }
        if let Ok(root) = self.base.canonicalize() {
            return Cow::Borrowed(self.root.get_or_init(|| root));
        }
        for folder in self.base.ancestors().skip(1) {
            if let (Ok(real), Ok(rest)) = (folder.canonicalize(), self.base.strip_prefix(folder)) {
                return Cow::Owned(real.join(rest));
            }
        }
        Cow::Borrowed(&self.base)
    }

    /// The file of a normal key.
    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root().join(key)
    }

    /// As `key::normal`. A key may also be the absolute path of a file in the directory, as records name it.
    pub(super) fn normal<'k>(&self, key: &'k str) -> Result<Cow<'k, str>, ResultError> {
        let path = Path::new(key);
        if !path.is_absolute() {
            return key::normal(key);
        }
        let below = path.strip_prefix(self.root()).or_else(|_| path.strip_prefix(&self.base)).ok();
        key::normal(below.and_then(Path::to_str).unwrap_or(key))
    }

    pub(super) async fn get(this: &Arc<Self>, key: &str) -> Result<Option<Vec<u8>>, ResultError> {
        Self::away(this, "read", key, |this, path| {
            this.check_links(path)?;
            match std::fs::read(path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(err) if is_absence(&err) => Ok(None),
                Err(err) => Err(err),
            }
        })
        .await
    }

    pub(super) async fn put(
        this: &Arc<Self>,
        key: &str,
        bytes: Vec<u8>,
    ) -> Result<(), ResultError> {
        Self::away(this, "write", key, move |this, path| this.write(path, &bytes)).await
    }

    pub(super) async fn remove(this: &Arc<Self>, key: &str) -> Result<bool, ResultError> {
        Self::away(this, "delete", key, |this, path| {
            this.check_links(path)?;
            match std::fs::remove_file(path) {
                Ok(()) => Ok(true),
                Err(err) if is_absence(&err) => Ok(false),
                Err(err) => Err(err),
            }
        })
        .await
    }

    /// Runs `f` with the file of `key` on a thread that may block, or here if there is no runtime whose work it keeps.
    async fn away<T: Send + 'static>(
        this: &Arc<Self>,
        action: &'static str,
        key: &str,
        f: impl FnOnce(&Self, &Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ResultError> {
        let path = this.path(key);
        let done = match Handle::try_current() {
            Err(_) => f(this, &path),
            Ok(handle) => {
                let (this, path) = (Arc::clone(this), path.clone());
                match handle.spawn_blocking(move || f(&this, &path)).await {
                    Ok(done) => done,
                    Err(err) => match err.try_into_panic() {
                        Ok(payload) => std::panic::resume_unwind(payload),
                        Err(err) => Err(io::Error::other(err)),
                    },
                }
            }
        };
        done.map_err(|err| {
            // Where a file is a folder, or the reverse, is something that is no record.
            let (is_foreign, location) = (is_other_kind(&err), path.to_string_lossy().into_owned());
            if is_foreign {
                let (key, detail) = (key.to_owned(), err.to_string());
                return ResultError::Foreign { key, location, detail };
            }
            ResultError::from_io(action, key, location, err)
        })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.swept.call_once(|| sweep(&self.root().join(TEMP_FOLDER)));
        self.check_links(path)?;
        let mut file = self.unfinished()?;
        file.write_all(bytes)?;
        match file.persist(path) {
            Ok(_) => Ok(()),
            Err(err) if err.error.kind() == ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                err.file.persist(path).map(drop).map_err(|err| err.error)
            }
            Err(err) => Err(err.error),
        }
    }

    /// A new file, which is removed unless it gets its final name.
    fn unfinished(&self) -> io::Result<tempfile::NamedTempFile> {
        let folder = self.root().join(TEMP_FOLDER);
        match new_file(&folder) {
            Err(err) if err.kind() == ErrorKind::NotFound => {
                std::fs::create_dir_all(&folder)?;
                new_file(&folder)
            }
            done => done,
        }
    }

    /// Refuses a file that a link to a folder leads out of the directory.
    fn check_links(&self, path: &Path) -> io::Result<()> {
        let root = self.root();
        let below = path.ancestors().skip(1).take_while(|folder| **folder != *root);
        for folder in below {
            match folder.canonicalize() {
                Ok(real) if real.starts_with(&root) => return Ok(()),
                Ok(real) => {
                    let text = format!("{} leads to {}", folder.display(), real.display());
                    return Err(io::Error::new(ErrorKind::PermissionDenied, text));
                }
                // Not there yet, so it will be made; the folder above it decides.
                Err(err) if err.kind() == ErrorKind::NotFound => {}
                Err(err) => return Err(err),
            }
        }
        Ok(())
    }
}

/// A file with a random name in `folder`, with the permissions of an ordinary new file.
pub(in crate::results) fn new_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".context-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Removes what writers that died have left in `folder`. Whatever cannot be removed stays.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let now = Duration::from_nanos(Timestamp::now().as_nanos().unsigned_abs());
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = modified
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
            .and_then(|at| now.checked_sub(at));
        if age.is_some_and(|age| age > ABANDONED) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Whether there is no such file: its name is free, one of its folders is a file, or no file can have that name.
fn is_absence(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn is_other_kind(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::DirectoryNotEmpty
    )
}

/// The path of a `file://` URL; `rest` is what follows the scheme.
pub(super) fn path_of_url(url: &str, rest: &str) -> Result<PathBuf, StorageError> {
    let fault = |detail: &str| StorageError::Url { url: url.to_owned(), detail: detail.to_owned() };
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(fault("a `file` URL has three slashes and no host"));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut left = path.bytes();
    while let Some(byte) = left.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || left.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(fault("`%` is not followed by two hexadecimal digits"));
        };
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map(PathBuf::from).map_err(|_| fault("its path is not UTF-8"))
}
