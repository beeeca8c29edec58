//! Locks between processes: a file for each lock that somebody has.
//!
//! The files are Prefect's: `<key>.lock` with `{"holder": .., "expiration": ..}`, so Rust and Python exclude each other.
//! What is ours has a `context` with a token besides, and its holder keeps the file locked by the operating system. That
//! tells the living from the dead: if a file with a token is not locked, its process is gone, wherever it ran, and the
//! lock is broken. Files of Prefect are broken only when they expire, as Prefect does.
//!
//! A lock is created whole, under its final name. It is removed only inside a section that one process at a time can be
//! in, after the file was read again; so nobody removes the lock that another has just got.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use super::super::{ResultError, key as keys, storage};
use super::{Acquired, LockError, LockFuture, LockManager, deadline, has_passed};
use crate::clock::Timestamp;
use crate::runner;

/// The first and the longest pause between two looks at a lock.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// Prefect creates a lock file and writes it afterwards. One that is still empty after this time has lost its writer.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// Locked while a lock is removed.
const SECTION: &str = ".context-section";

/// Locks between all processes that use one directory, those of Prefect included.
///
/// Who waits looks again and again, at most every tenth of a second, so the order of arrival is not kept. Locks of
/// processes that died are broken. The directory's file system must support file locks, as all local ones do.
#[derive(Debug)]
pub struct FileSystemLockManager {
    directory: PathBuf,
    /// The files that this manager created, which stay locked by the operating system.
    held: Mutex<HashMap<PathBuf, Held>>,
}

#[derive(Debug)]
struct Held {
    token: Uuid,
    holder: String,
    /// Kept open: that keeps it locked.
    _file: File,
}

#[derive(Serialize, Deserialize)]
struct LockFile {
    holder: String,
    expiration: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<Mark>,
}

impl LockFile {
    fn has_expired(&self) -> bool {
        self.expiration.is_some_and(|at| at <= Timestamp::now())
    }
}

/// What only we write.
#[derive(Serialize, Deserialize)]
struct Mark {
    token: Uuid,
}

/// A look at a lock file.
enum Look {
    Free,
    /// Nobody has it, but the file with this text is still there.
    Stale(Vec<u8>),
    /// Somebody has it; whom the text names, if it is complete.
    Held {
        text: Vec<u8>,
        lock: Option<LockFile>,
    },
}

impl FileSystemLockManager {
    /// Locks in `directory`, which is created when the first lock is acquired.
    ///
    /// A relative path is below the present working directory, also if that changes later.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        Self { directory, held: Mutex::default() }
    }

    /// The directory of the lock files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Prefect's path: the suffix of the key, if it has one, is replaced.
    fn path(&self, key: &str) -> Result<PathBuf, LockError> {
        let invalid = |reason| LockError::InvalidKey { key: key.to_owned(), reason };
        match keys::normal(key) {
            Ok(key) => Ok(self.directory.join(&*key).with_extension("lock")),
            Err(ResultError::InvalidKey { reason, .. }) => Err(invalid(reason.to_owned())),
            Err(err) => Err(invalid(err.to_string())),
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<PathBuf, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates the lock file, unless there is one.
    fn create(&self, path: &Path, holder: &str, hold: Option<Duration>) -> io::Result<bool> {
        let folder = path.parent().unwrap_or(&self.directory);
        let mut file = match storage::new_file(folder) {
            Err(err) if err.kind() == ErrorKind::NotFound => {
                std::fs::create_dir_all(folder)?;
                storage::new_file(folder)?
            }
            done => done?,
        };
        let token = Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid();
        let expiration = hold.map(|hold| Timestamp::now().plus(hold));
        let holder = holder.to_owned();
        let lock = LockFile { holder, expiration, context: Some(Mark { token }) };
        file.write_all(&serde_json::to_vec(&lock)?)?;
        // Locked before anybody can see it.
        file.as_file().try_lock().map_err(io::Error::from)?;
        match file.persist_noclobber(path) {
            Ok(file) => {
                self.held()
                    .insert(path.to_owned(), Held { token, holder: lock.holder, _file: file });
                Ok(true)
            }
            Err(err) if err.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(err) => Err(err.error),
        }
    }

    /// Removes the lock file, if `is_it` says so of its present text.
    fn remove(&self, path: &Path, is_it: impl FnOnce(&[u8]) -> bool) -> io::Result<bool> {
        let section = File::create(self.directory.join(SECTION))?;
        section.lock()?;
        let text = match std::fs::read(path) {
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(false),
            text => text?,
        };
        let is_removed = is_it(&text);
        if is_removed {
            std::fs::remove_file(path)?;
        }
        // Closing the file leaves the section.
        Ok(is_removed)
    }

    fn try_acquire(
        &self,
        path: &Path,
        holder: &str,
        hold: Option<Duration>,
    ) -> io::Result<Option<Acquired>> {
        loop {
            match look(path)? {
                Look::Free => {
                    if self.create(path, holder, hold)? {
                        return Ok(Some(Acquired::Newly));
                    }
                }
                Look::Stale(old) => {
                    self.remove(path, |text| text == old)?;
                }
                Look::Held { lock: Some(lock), .. } if lock.holder == holder => {
                    return Ok(Some(Acquired::Already));
                }
                Look::Held { .. } => return Ok(None),
            }
        }
    }
}

/// Who has the lock of the file at `path`.
fn look(path: &Path) -> io::Result<Look> {
    let mut file = match File::open(path) {
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Look::Free);
        }
        file => file?,
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let Ok(lock) = serde_json::from_slice::<LockFile>(&text) else {
        let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
        let is_abandoned = age > WRITTEN_WITHIN;
        return Ok(if is_abandoned { Look::Stale(text) } else { Look::Held { text, lock: None } });
    };
    if lock.has_expired() || (lock.context.is_some() && is_deserted(&file)) {
        return Ok(Look::Stale(text));
    }
    Ok(Look::Held { text, lock: Some(lock) })
}

/// Whether no process keeps `file` locked.
fn is_deserted(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => true,
        // Where files cannot be locked, nobody can be called dead.
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    }
}

/// The pauses of somebody who waits: longer and longer, and never those of another.
struct Pauses(Duration);

impl Pauses {
    const fn new() -> Self {
        Self(PAUSES.0)
    }

    async fn sleep(&mut self, limit: Option<std::time::Instant>) {
        let pause = self.0.mul_f64(0.75 + 0.5 * fastrand::f64());
        self.0 = (self.0 * 2).min(PAUSES.1);
        let left = limit.map(|at| at.saturating_duration_since(std::time::Instant::now()));
        runner::sleep(left.map_or(pause, |left| pause.min(left))).await;
    }
}

impl LockManager for FileSystemLockManager {
    fn acquire_lock<'a>(
        &'a self,
        key: &'a str,
        holder: &'a str,
        acquire_timeout: Option<Duration>,
        hold_timeout: Option<Duration>,
    ) -> LockFuture<'a, Acquired> {
        Box::pin(async move {
            let path = self.path(key)?;
            let limit = deadline(acquire_timeout);
            let mut pauses = Pauses::new();
            loop {
                let tried = self.try_acquire(&path, holder, hold_timeout);
                if let Some(acquired) = tried.map_err(|err| error("acquire", &path, err))? {
                    return Ok(acquired);
                }
                if has_passed(limit) {
                    return Ok(Acquired::TimedOut);
                }
                pauses.sleep(limit).await;
            }
        })
    }

    fn release_lock(&self, key: &str, holder: &str) -> Result<(), LockError> {
        let path = self.path(key)?;
        let not_held = || LockError::NotHeld { key: key.to_owned(), holder: holder.to_owned() };
        let token = match self.held().get(&path) {
            Some(held) if held.holder != holder => return Err(not_held()),
            held => held.map(|held| held.token),
        };
        let mut has_expired = false;
        let removed = self.remove(&path, |text| {
            let Ok(lock) = serde_json::from_slice::<LockFile>(text) else { return false };
            has_expired = lock.has_expired();
            // A holder may release what another of its managers has acquired; a token tells a later hold apart.
            let mark = lock.context.map(|mark| mark.token);
            lock.holder == holder && (token.is_none() || token == mark)
        });
        // Another may have got the lock in this instant, with this very manager.
        let mut held = self.held();
        if held.get(&path).is_some_and(|held| Some(held.token) == token) {
            held.remove(&path);
        }
        drop(held);
        match removed {
            Ok(true) if !has_expired => Ok(()),
            Err(err) if err.kind() != ErrorKind::NotFound => Err(error("release", &path, err)),
            _ => Err(not_held()),
        }
    }

    fn is_locked(&self, key: &str) -> Result<bool, LockError> {
        let path = self.path(key)?;
        let look = look(&path).map_err(|err| error("read", &path, err))?;
        Ok(matches!(look, Look::Held { .. }))
    }

    fn is_lock_holder(&self, key: &str, holder: &str) -> Result<bool, LockError> {
        let path = self.path(key)?;
        let look = look(&path).map_err(|err| error("read", &path, err))?;
        Ok(matches!(look, Look::Held { lock: Some(lock), .. } if lock.holder == holder))
    }

    fn wait_for_lock<'a>(
        &'a self,
        key: &'a str,
        timeout: Option<Duration>,
    ) -> LockFuture<'a, bool> {
        Box::pin(async move {
            let path = self.path(key)?;
            let limit = deadline(timeout);
            let mut pauses = Pauses::new();
            let mut watched = None;
            loop {
                let Look::Held { text, .. } =
                    look(&path).map_err(|err| error("read", &path, err))?
                else {
                    return Ok(true);
                };
                // A file of Prefect that was empty has its text now; that is not another hold.
                if !text.is_empty() && *watched.get_or_insert_with(|| text.clone()) != text {
                    return Ok(true);
                }
                if has_passed(limit) {
                    return Ok(false);
                }
                pauses.sleep(limit).await;
            }
        })
    }
}

fn error(action: &'static str, path: &Path, source: io::Error) -> LockError {
    LockError::Io { action, path: path.display().to_string(), source }
}
