//! Records: a payload and what must be known to read it, in Prefect's file format.
//!
//! A record is one JSON file, `{"metadata": {..}, "result": ".."}`, whose `result` is the payload as text; or two files,
//! where the metadata is in a storage of its own and the payload stands alone. Both are those of Prefect 3.8.8, which
//! also reads an older form without `metadata`; so does this module. It knows no storage.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use uuid::Uuid;

use super::serializer::type_of;
use super::{ResultError, ResultSerializer};
use crate::clock::Timestamp;

/// The release of Prefect whose format is written, as records name it.
pub const PREFECT_VERSION: &str = "3.8.8";

/// What a record says of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ResultMetadata {
    /// Where the payload is: an absolute path in a local storage, else the key.
    pub storage_key: String,
    /// From when on the record is as if it were not there.
    pub expiration: Option<Timestamp>,
    /// The descriptor of the serializer that wrote the payload.
    pub serializer: Value,
    /// The release of Prefect whose format this is.
    pub prefect_version: String,
    /// Prefect's block that names the storage. Only Prefect writes one.
    pub storage_block_id: Option<Uuid>,
}

impl ResultMetadata {
    pub(crate) fn new(
        storage_key: String,
        expiration: Option<Timestamp>,
        serializer: &ResultSerializer,
    ) -> Self {
        Self {
            storage_key,
            expiration,
            serializer: serializer.descriptor(),
            prefect_version: PREFECT_VERSION.to_owned(),
            storage_block_id: None,
        }
    }

    /// Whether the expiration, if there is one, has passed.
    pub fn is_expired(&self) -> bool {
        self.expiration.is_some_and(|at| at <= Timestamp::now())
    }
}

/// A result as it was stored. Cheap to clone.
#[derive(Clone)]
pub struct ResultRecord(Arc<Inner>);

struct Inner {
    key: String,
    metadata: ResultMetadata,
    payload: Vec<u8>,
    /// `None` if the format is not known here.
    reader: Option<ResultSerializer>,
}

impl ResultRecord {
    pub(super) fn new(
        key: &str,
        metadata: ResultMetadata,
        payload: Vec<u8>,
        reader: Option<ResultSerializer>,
    ) -> Self {
        Self(Arc::new(Inner { key: key.to_owned(), metadata, payload, reader }))
    }

    /// What the record says of itself.
    pub fn metadata(&self) -> &ResultMetadata {
        &self.0.metadata
    }

    /// The value as the serializer wrote it.
    pub fn payload(&self) -> &[u8] {
        &self.0.payload
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// [`ResultError::UnsupportedSerializer`] if the format is not known here, as Prefect's `pickle` is not, and
    /// [`ResultError::Decode`] if the payload is damaged or is not a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, ResultError> {
        let Inner { key, metadata, payload, reader } = &*self.0;
        let (key, location) = (|| key.clone(), || metadata.storage_key.clone());
        let Some(reader) = reader else {
            let serializer = type_of(&metadata.serializer).unwrap_or_default().to_owned();
            let (key, location) = (key(), location());
            return Err(ResultError::UnsupportedSerializer { key, location, serializer });
        };
        reader.loads(payload).map_err(|source| ResultError::Decode {
            key: key(),
            location: location(),
            type_name: std::any::type_name::<T>(),
            source,
        })
    }

    /// Whether the payload's format is known here.
    pub(super) fn is_readable(&self) -> bool {
        self.0.reader.is_some()
    }
}

impl fmt::Debug for ResultRecord {
    /// Without the payload, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultRecord")
            .field("key", &self.0.key)
            .field("metadata", &self.0.metadata)
            .field("payload_bytes", &self.0.payload.len())
            .finish()
    }
}

/// A key, and where its record is: for errors.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) key: &'a str,
    pub(super) location: &'a str,
}

impl At<'_> {
    fn foreign(self, detail: impl Into<String>) -> ResultError {
        let (key, location) = (self.key.to_owned(), self.location.to_owned());
        ResultError::Foreign { key, location, detail: detail.into() }
    }

    /// What is wrong with a file that is not a record.
    fn fault(self, file: &[u8], err: &serde_json::Error) -> ResultError {
        let (key, location) = (self.key.to_owned(), self.location.to_owned());
        let first = file.iter().find(|byte| !byte.is_ascii_whitespace());
        match (first, err.classify()) {
            (None, _) => ResultError::Truncated { key, location },
            (Some(b'{'), Category::Eof) => ResultError::Truncated { key, location },
            (Some(b'{'), Category::Syntax | Category::Io) => {
                ResultError::Corrupt { key, location, detail: err.to_string() }
            }
            (Some(b'{'), Category::Data) => self.foreign(err.to_string()),
            (Some(_), _) => self.foreign("it is not a JSON object"),
        }
    }
}

#[derive(Deserialize)]
struct MetadataFile {
    storage_key: Option<String>,
    expiration: Option<Timestamp>,
    serializer: Option<Value>,
    prefect_version: Option<String>,
    storage_block_id: Option<Uuid>,
}

impl MetadataFile {
    fn check(self, at: At<'_>) -> Result<ResultMetadata, ResultError> {
        // Prefect's default, for records from before there was a choice.
        let serializer = self.serializer.unwrap_or_else(|| serde_json::json!({ "type": "pickle" }));
        if type_of(&serializer).is_none() {
            return Err(at.foreign("its `serializer` has no `type`"));
        }
        Ok(ResultMetadata {
            storage_key: self.storage_key.unwrap_or_else(|| at.location.to_owned()),
            expiration: self.expiration,
            serializer,
            prefect_version: self.prefect_version.unwrap_or_default(),
            storage_block_id: self.storage_block_id,
        })
    }
}

/// Both forms: the present one, and the one from before there was `metadata`.
#[derive(Deserialize)]
struct RecordFile<'a> {
    metadata: Option<MetadataFile>,
    #[serde(borrow)]
    result: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    expiration: Option<Timestamp>,
    serializer: Option<Value>,
    prefect_version: Option<String>,
}

/// Reads a file with metadata only.
pub(super) fn parse_metadata(file: &[u8], at: At<'_>) -> Result<ResultMetadata, ResultError> {
    let parsed: MetadataFile = serde_json::from_slice(file).map_err(|err| at.fault(file, &err))?;
    // Every field is optional, so a file about something else would pass.
    if parsed.storage_key.is_none() && parsed.serializer.is_none() {
        return Err(at.foreign("it has neither `storage_key` nor `serializer`"));
    }
    parsed.check(at)
}

/// Reads a file with metadata and payload. `reader_of` finds the serializer that reads the payload.
pub(super) fn parse_record(
    file: &[u8],
    at: At<'_>,
    reader_of: impl FnOnce(&Value) -> Option<ResultSerializer>,
) -> Result<ResultRecord, ResultError> {
    let parsed: RecordFile<'_> =
        serde_json::from_slice(file).map_err(|err| at.fault(file, &err))?;
    if parsed.metadata.is_none() && parsed.serializer.is_none() {
        return Err(at.foreign("it has no `metadata`"));
    }
    let Some(payload) = parsed.data.or(parsed.result) else {
        return Err(at.foreign("it has no `result`"));
    };
    let inside = parsed.metadata.unwrap_or(MetadataFile {
        storage_key: None,
        expiration: None,
        serializer: None,
        prefect_version: None,
        storage_block_id: None,
    });
    let metadata = MetadataFile {
        expiration: parsed.expiration.or(inside.expiration),
        serializer: parsed.serializer.or(inside.serializer),
        prefect_version: parsed.prefect_version.or(inside.prefect_version),
        ..inside
    }
    .check(at)?;
    let reader = reader_of(&metadata.serializer);
    let payload = match &reader {
        Some(reader) if !reader.is_text() => {
            STANDARD.decode(payload.as_bytes()).map_err(|err| {
                let (key, location) = (at.key.to_owned(), at.location.to_owned());
                ResultError::Corrupt { key, location, detail: err.to_string() }
            })?
        }
        _ => payload.into_owned().into_bytes(),
    };
    Ok(ResultRecord::new(at.key, metadata, payload, reader))
}

/// The file with metadata only.
pub(super) fn metadata_file(metadata: &ResultMetadata) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(metadata)
}

/// The file with metadata and payload, or `None` if the payload must be text and is not.
pub(super) fn record_file(
    metadata: &ResultMetadata,
    payload: &[u8],
    is_text: bool,
) -> Option<Result<Vec<u8>, serde_json::Error>> {
    #[derive(Serialize)]
    struct File<'a> {
        metadata: &'a ResultMetadata,
        result: Cow<'a, str>,
    }
    let result = match (is_text, std::str::from_utf8(payload)) {
        (true, Ok(text)) => Cow::Borrowed(text),
        (true, Err(_)) => return None,
        (false, _) => Cow::Owned(STANDARD.encode(payload)),
    };
    Some(serde_json::to_vec(&File { metadata, result }))
}
