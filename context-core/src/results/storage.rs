//! Storages: where records are kept, by key.
//!
//! A [`Storage`] is a directory (the default), the memory of this process, or a bucket that a URL names. It keeps bytes
//! whole: who reads a key sees what one writer wrote, never a mixture or a half. It knows nothing of records.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::{ResultError, key};

mod local;
mod memory;
#[cfg(feature = "object-store")]
mod object;

use local::LocalDirectory;
pub(super) use local::new_file;
use memory::Memory;

/// Why a text names no storage.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StorageError {
    #[error(
        "a result storage cannot be an empty path; give a directory, or a URL such as `memory://`"
    )]
    Empty,
    #[error(
        "result storage {path:?} begins with `~`, which stays as it is here; give the full path"
    )]
    Tilde { path: String },
    #[error("result storage {path:?} cannot be used as a directory: {detail}")]
    Path { path: String, detail: String },
    #[error(
        "result storage `{url}` has a scheme that is not known; use a path, or `file`, `memory`, `s3`, `gs` or `az`"
    )]
    UnknownScheme { url: String },
    #[error("result storage `{url}` needs the Cargo feature `{feature}`; enable it for `context`")]
    FeatureOff { url: String, feature: &'static str },
    #[error("result storage `{url}` is not a proper URL: {detail}")]
    Url { url: String, detail: String },
    #[error("result storage `{url}` cannot be set up: {detail}")]
    Setup { url: String, detail: String },
}

/// Where records are kept. Cheap to clone; clones are the same storage.
///
/// # Examples
///
/// ```
/// use context_core::results::Storage;
///
/// let directory = Storage::parse("/var/lib/app/results")?;
/// assert_eq!(directory.to_string(), "/var/lib/app/results");
/// assert_eq!(Storage::parse("memory://tests")?, Storage::parse("memory://tests")?);
/// # Ok::<(), context_core::results::StorageError>(())
/// ```
#[derive(Clone)]
pub struct Storage(Backend);

#[derive(Clone)]
enum Backend {
    Local(Arc<LocalDirectory>),
    Memory(Arc<Memory>),
    #[cfg(feature = "object-store")]
    Object(Arc<object::ObjectFolder>),
    /// Made from something that names no storage. Each use reports it.
    Invalid(Arc<StorageError>),
}

/// What can be given where a storage is wanted.
///
/// The conversion cannot fail. A text that names no storage gives one whose every use reports why; see
/// [`Storage::check`].
pub trait IntoStorage {
    /// The storage.
    fn into_storage(self) -> Storage;
}

impl Storage {
    /// The directory `path`, which is created when something is written.
    ///
    /// A relative path is below the present working directory, also if that changes later.
    ///
    /// # Errors
    ///
    /// If the path is empty, begins with `~`, or the working directory is gone.
    pub fn local(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        LocalDirectory::new(path.as_ref()).map(|local| Self(Backend::Local(Arc::new(local))))
    }

    /// A new storage in memory, which only its clones share.
    ///
    /// The text `memory://`, or `memory://name`, is a storage that the whole process shares.
    pub fn memory() -> Self {
        Self(Backend::Memory(Arc::new(Memory::new("memory://(private)"))))
    }

    /// The storage that `text` names: a path, or a URL.
    ///
    /// | text | storage | Cargo feature |
    /// |---|---|---|
    /// | a path, `file:///path` | a directory | |
    /// | `memory://`, `memory://name` | the memory of this process | |
    /// | `s3://bucket/folder` | Amazon S3 and what is like it | `s3` |
    /// | `gs://bucket/folder` | Google Cloud Storage | `gcs` |
    /// | `az://container/folder` | Azure Blob Storage | `azure` |
    ///
    /// Buckets are reached with the credentials that the cloud's own tools would use.
    ///
    /// # Errors
    ///
    /// If the URL is not proper, its scheme is not known, or its feature is off.
    pub fn parse(text: &str) -> Result<Self, StorageError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::local(text);
        };
        match scheme {
            "file" => Self::local(local::path_of_url(text, rest)?),
            "memory" => Ok(Self(Backend::Memory(Memory::shared(rest.trim_matches('/'))))),
            "s3" | "s3a" => Self::cloud(text, "s3"),
            "gs" => Self::cloud(text, "gcs"),
            "az" | "azure" | "abfs" | "abfss" => Self::cloud(text, "azure"),
            _ => Err(StorageError::UnknownScheme { url: without_secrets(text) }),
        }
    }

    /// The objects of `store` whose keys begin with `folder`, which may be empty.
    #[cfg(feature = "object-store")]
    pub fn object_store(store: Arc<dyn object_store::ObjectStore>, folder: &str) -> Self {
        let location = store.to_string();
        match object::ObjectFolder::new(store, folder, location) {
            Ok(folder) => Self(Backend::Object(Arc::new(folder))),
            Err(err) => Self(Backend::Invalid(Arc::new(err))),
        }
    }

    #[cfg(feature = "object-store")]
    fn cloud(url: &str, feature: &'static str) -> Result<Self, StorageError> {
        object::ObjectFolder::parse(url, feature)
            .map(|folder| Self(Backend::Object(Arc::new(folder))))
    }

    #[cfg(not(feature = "object-store"))]
    fn cloud(url: &str, feature: &'static str) -> Result<Self, StorageError> {
        Err(StorageError::FeatureOff { url: without_secrets(url), feature })
    }

    /// What is wrong with the text that this storage was made from, if anything.
    ///
    /// # Errors
    ///
    /// The error that [`parse`](Self::parse) would have given.
    pub fn check(&self) -> Result<(), StorageError> {
        match &self.0 {
            Backend::Invalid(err) => Err(StorageError::clone(err)),
            _ => Ok(()),
        }
    }

    /// `key` as all its spellings are written.
    pub(crate) fn normal<'k>(&self, key: &'k str) -> Result<Cow<'k, str>, ResultError> {
        match &self.0 {
            Backend::Local(local) => local.normal(key),
            _ => key::normal(key),
        }
    }

    /// What records in this storage say of where they are.
    pub(crate) fn storage_key(&self, key: &str) -> String {
        match &self.0 {
            Backend::Local(local) => local.path(key).to_string_lossy().into_owned(),
            _ => key.to_owned(),
        }
    }

    /// Where the record of `key` is, for people.
    pub(super) fn location(&self, key: &str) -> String {
        match &self.0 {
            Backend::Local(_) => self.storage_key(key),
            _ => format!("{self}/{key}"),
        }
    }

    /// The bytes of `key`, a normal key, or `None` if there are none.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ResultError> {
        match &self.0 {
            Backend::Local(local) => LocalDirectory::get(local, key).await,
            Backend::Memory(memory) => Ok(memory.get(key)),
            #[cfg(feature = "object-store")]
            Backend::Object(folder) => folder.get(key).await,
            Backend::Invalid(err) => Err(StorageError::clone(err).into()),
        }
    }

    /// Makes `bytes` those of `key`, a normal key: all at once, or not at all.
    pub(super) async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), ResultError> {
        match &self.0 {
            Backend::Local(local) => LocalDirectory::put(local, key, bytes).await,
            Backend::Memory(memory) => {
                memory.put(key, bytes);
                Ok(())
            }
            #[cfg(feature = "object-store")]
            Backend::Object(folder) => folder.put(key, bytes).await,
            Backend::Invalid(err) => Err(StorageError::clone(err).into()),
        }
    }

    /// Removes `key`, a normal key. Whether it was there; a bucket that does not tell says yes.
    pub(super) async fn remove(&self, key: &str) -> Result<bool, ResultError> {
        match &self.0 {
            Backend::Local(local) => LocalDirectory::remove(local, key).await,
            Backend::Memory(memory) => Ok(memory.remove(key)),
            #[cfg(feature = "object-store")]
            Backend::Object(folder) => folder.remove(key).await,
            Backend::Invalid(err) => Err(StorageError::clone(err).into()),
        }
    }
}

impl fmt::Display for Storage {
    /// The path or URL, without what may be secret in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Backend::Local(local) => local.base().display().fmt(f),
            Backend::Memory(memory) => f.write_str(memory.name()),
            #[cfg(feature = "object-store")]
            Backend::Object(folder) => f.write_str(folder.location()),
            Backend::Invalid(err) => write!(f, "({err})"),
        }
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({self})")
    }
}

impl PartialEq for Storage {
    /// Whether both are known to be the same storage.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Backend::Local(a), Backend::Local(b)) => a.base() == b.base(),
            (Backend::Memory(a), Backend::Memory(b)) => Arc::ptr_eq(a, b),
            #[cfg(feature = "object-store")]
            (Backend::Object(a), Backend::Object(b)) => Arc::ptr_eq(a, b) || a.is_same(b),
            (Backend::Invalid(a), Backend::Invalid(b)) => a == b,
            _ => false,
        }
    }
}

impl IntoStorage for Storage {
    fn into_storage(self) -> Storage {
        self
    }
}

impl IntoStorage for &Storage {
    fn into_storage(self) -> Storage {
        self.clone()
    }
}

impl IntoStorage for &str {
    fn into_storage(self) -> Storage {
        Storage::parse(self).unwrap_or_else(|err| Storage(Backend::Invalid(Arc::new(err))))
    }
}

impl IntoStorage for String {
    fn into_storage(self) -> Storage {
        self.as_str().into_storage()
    }
}

impl IntoStorage for &Path {
    fn into_storage(self) -> Storage {
        Storage::local(self).unwrap_or_else(|err| Storage(Backend::Invalid(Arc::new(err))))
    }
}

impl IntoStorage for PathBuf {
    fn into_storage(self) -> Storage {
        self.as_path().into_storage()
    }
}

#[cfg(feature = "object-store")]
impl IntoStorage for Arc<dyn object_store::ObjectStore> {
    fn into_storage(self) -> Storage {
        Storage::object_store(self, "")
    }
}

/// `url` up to its path, without a user or password.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_storages() {
        assert_eq!(Storage::parse("/a/b").unwrap().to_string(), "/a/b");
        assert_eq!(Storage::parse("file:///a/b%20c").unwrap().to_string(), "/a/b c");
        assert!(Storage::parse("results").unwrap().to_string().ends_with("/results"));
        assert_eq!(Storage::parse("memory://").unwrap().to_string(), "memory://");
    }

    #[test]
    fn what_names_no_storage_says_why() {
        let message = |text| Storage::parse(text).unwrap_err().to_string();
        assert!(message("").contains("empty path"));
        assert!(message("~/results").contains("give the full path"));
        assert!(message("ftp://host/x").contains("scheme that is not known"));
        assert!(message("file://host/x").contains("not a proper URL"));
    }

    #[cfg(not(feature = "object-store"))]
    #[test]
    fn a_missing_feature_is_named() {
        for (url, feature) in [("s3://b/p", "s3"), ("gs://b/p", "gcs"), ("az://c/p", "azure")] {
            let expected = StorageError::FeatureOff { url: url.to_owned(), feature };
            assert_eq!(Storage::parse(url), Err(expected));
        }
    }

    #[test]
    fn an_error_is_remembered_and_reported_by_each_use() {
        let storage = "ftp://user:password@host/x?key=1".into_storage();
        assert!(storage.check().is_err());
        let shown = format!("{storage:?}");
        assert!(shown.contains("ftp://host/x") && !shown.contains("password"), "{shown}");
        let got = futures::executor::block_on(storage.get("k")).unwrap_err();
        assert!(matches!(got, ResultError::Storage(StorageError::UnknownScheme { .. })));
    }

    #[test]
    fn named_memory_is_shared_and_private_memory_is_not() {
        futures::executor::block_on(async {
            "memory://shared-test".into_storage().put("k", vec![1]).await.unwrap();
            let again = "memory://shared-test".into_storage();
            assert_eq!(again.get("k").await.unwrap(), Some(vec![1]));
            assert_eq!("memory://other-test".into_storage().get("k").await.unwrap(), None);
        });
        assert_ne!(Storage::memory(), Storage::memory());
    }
}
