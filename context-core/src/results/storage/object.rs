//! A storage in an object store: a folder of a bucket.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _};

use super::super::ResultError;
use super::{StorageError, without_secrets};

pub(super) struct ObjectFolder {
    store: Arc<dyn ObjectStore>,
    folder: Path,
    /// For people, without secrets.
    location: String,
    /// Whether `location` says all, since it is the URL that the store was made from.
    from_url: bool,
}

impl ObjectFolder {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        folder: &str,
        location: String,
    ) -> Result<Self, StorageError> {
        let folder = Path::parse(folder)
            .map_err(|err| StorageError::Url { url: folder.to_owned(), detail: err.to_string() })?;
        let location = match folder.as_ref() {
            "" => location,
            folder => format!("{}/{folder}", location.trim_end_matches('/')),
        };
        Ok(Self { store, folder, location, from_url: false })
    }

    /// The folder that `url` names, if the cargo feature for it is on.
    pub(super) fn parse(url: &str, feature: &'static str) -> Result<Self, StorageError> {
        let shown = without_secrets(url);
        let parsed = url::Url::parse(url)
            .map_err(|err| StorageError::Url { url: shown.clone(), detail: err.to_string() })?;
        let folder = Path::from_url_path(parsed.path())
            .map_err(|err| StorageError::Url { url: shown.clone(), detail: err.to_string() })?;
        let store = build(url, &shown, feature)?;
        Ok(Self { store, folder, location: shown, from_url: true })
    }

    pub(super) fn location(&self) -> &str {
        self.location.trim_end_matches('/')
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.from_url && other.from_url && self.location() == other.location()
    }

    fn path(&self, key: &str) -> Result<Path, ResultError> {
        let path = match self.folder.as_ref() {
            "" => Path::parse(key),
            folder => Path::parse(format!("{folder}/{key}")),
        };
        path.map_err(|_| ResultError::InvalidKey {
            key: key.to_owned(),
            reason: "it contains a control character",
        })
    }

    fn error(&self, action: &'static str, key: &str, err: Error) -> ResultError {
        let (key, location) = (key.to_owned(), format!("{}/{key}", self.location()));
        let source = Box::new(err);
        match *source {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                ResultError::NoPermission { action, key, location, source }
            }
            _ => ResultError::Io { action, key, location, source },
        }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ResultError> {
        let path = self.path(key)?;
        let got = match self.store.get(&path).await {
            Ok(found) => found.bytes().await,
            Err(err) => Err(err),
        };
        match got {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(err) => Err(self.error("read", key, err)),
        }
    }

    pub(super) async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), ResultError> {
        let path = self.path(key)?;
        let put = self.store.put(&path, bytes.into()).await;
        put.map(drop).map_err(|err| self.error("write", key, err))
    }

    pub(super) async fn remove(&self, key: &str) -> Result<bool, ResultError> {
        let path = self.path(key)?;
        match self.store.delete(&path).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(err) => Err(self.error("delete", key, err)),
        }
    }
}

/// The store of the bucket in `url`, with the credentials that the cloud's own tools would use.
#[cfg_attr(
    not(any(feature = "s3", feature = "gcs", feature = "azure")),
    expect(unused_variables, reason = "there is no bucket to reach")
)]
fn build(
    url: &str,
    shown: &str,
    feature: &'static str,
) -> Result<Arc<dyn ObjectStore>, StorageError> {
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    let fault = |err: Error| StorageError::Setup { url: shown.to_owned(), detail: err.to_string() };
    match feature {
        #[cfg(feature = "s3")]
        "s3" => {
            let builder = object_store::aws::AmazonS3Builder::from_env().with_url(url);
            Ok(Arc::new(builder.build().map_err(fault)?))
        }
        #[cfg(feature = "gcs")]
        "gcs" => {
            let builder = object_store::gcp::GoogleCloudStorageBuilder::from_env().with_url(url);
            Ok(Arc::new(builder.build().map_err(fault)?))
        }
        #[cfg(feature = "azure")]
        "azure" => {
            let builder = object_store::azure::MicrosoftAzureBuilder::from_env().with_url(url);
            Ok(Arc::new(builder.build().map_err(fault)?))
        }
        _ => Err(StorageError::FeatureOff { url: shown.to_owned(), feature }),
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use object_store::memory::InMemory;

    use super::super::super::{IntoStorage as _, ResultStore, Storage};
    use super::*;

    #[test]
    fn records_are_objects_in_a_folder() {
        let bucket: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let storage = Storage::object_store(Arc::clone(&bucket), "a folder/results");
        let store = ResultStore::new(&storage).with_cache_in_memory(false);
        block_on(async {
            for key in ["k", "sub/k", "a%2Fb", "issue#17"] {
                assert!(!store.exists(key).await.unwrap());
                let metadata = store.write_value(key, key, None).await.unwrap();
                assert_eq!(metadata.storage_key, key);
                assert_eq!(store.read_value::<String>(key).await.unwrap().unwrap(), key);
                let path = Path::parse(format!("a folder/results/{key}")).unwrap();
                assert!(bucket.head(&path).await.is_ok());
                store.delete(key).await.unwrap();
                assert!(!store.exists(key).await.unwrap());
            }
            let err = store.write_value("a\tb", &1, None).await.unwrap_err();
            assert!(matches!(err, ResultError::InvalidKey { .. }));
        });
        let whole = bucket.into_storage();
        assert_ne!(whole, storage);
        assert_eq!(storage, storage.clone());
        assert_eq!(storage.to_string(), "InMemory/a folder/results");
    }

    #[test]
    fn a_bucket_is_made_from_its_url_if_its_feature_is_on() {
        for (url, feature, is_on) in [
            ("s3://bucket/folder", "s3", cfg!(feature = "s3")),
            ("gs://bucket/folder", "gcs", cfg!(feature = "gcs")),
            ("az://container/folder", "azure", cfg!(feature = "azure")),
        ] {
            match Storage::parse(url) {
                Ok(storage) => assert!(is_on && storage.to_string() == url),
                Err(StorageError::FeatureOff { feature: named, .. }) => {
                    assert!(!is_on && named == feature);
                }
                // Without credentials, some cannot be set up.
                Err(err) => assert!(matches!(err, StorageError::Setup { .. }), "{err}"),
            }
        }
    }
}
