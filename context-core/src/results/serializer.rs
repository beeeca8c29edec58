//! Serializers: how a value becomes the payload of a record, and back.
//!
//! A record names the serializer that wrote it by a descriptor, a JSON object with a `type`, as in Prefect. Whoever reads
//! it looks the type up among the serializers it knows; so two serializers of one type must read each other's payloads.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use thiserror::Error;

mod compressed;
mod finite;

use crate::secret;
use compressed::CompressedJson;

/// What a [`Serializer`] hands a payload's reader to.
pub type Visit<'a> =
    dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'a;

/// How values become payloads, and back.
///
/// # Examples
///
/// A format of one's own. It is text, so that it stands in the record as it is:
///
/// ```
/// use context_core::results::{ResultSerializer, SerializationError, Serializer, Visit};
///
/// #[derive(Debug)]
/// struct PrettyJson;
///
/// impl Serializer for PrettyJson {
///     fn descriptor(&self) -> serde_json::Value {
///         serde_json::json!({ "type": "pretty" })
///     }
///     fn dumps(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, SerializationError> {
///         serde_json::to_vec_pretty(value).map_err(|err| SerializationError::write("pretty", err))
///     }
///     fn loads(&self, payload: &[u8], visit: &mut Visit<'_>) -> Result<(), SerializationError> {
///         let mut reader = serde_json::Deserializer::from_slice(payload);
///         visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut reader))
///             .map_err(|err| SerializationError::read("pretty", err))
///     }
/// }
///
/// let pretty = ResultSerializer::from(PrettyJson);
/// let payload = pretty.dumps(&[1, 2])?;
/// assert_eq!(pretty.loads::<Vec<u8>>(&payload)?, [1, 2]);
/// # Ok::<(), SerializationError>(())
/// ```
pub trait Serializer: fmt::Debug + Send + Sync + 'static {
    /// What stands in the record: an object with a `type`, and whatever else is needed to read the payload.
    ///
    /// Records of the types `json`, `compressed` and `compressed/json` are read as Prefect writes them, so a format of
    /// one's own needs another name.
    fn descriptor(&self) -> Value;

    /// Whether payloads are UTF-8 text. Others stand in the record in base64.
    fn is_text(&self) -> bool {
        true
    }

    /// The payload of `value`.
    ///
    /// # Errors
    ///
    /// If this format cannot express the value.
    fn dumps(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, SerializationError>;

    /// Reads `payload` by calling `visit` once.
    ///
    /// # Errors
    ///
    /// If the payload is damaged, or `visit` fails since the type is another.
    fn loads(&self, payload: &[u8], visit: &mut Visit<'_>) -> Result<(), SerializationError>;
}

/// Why a value has no payload, or a payload no value.
#[derive(Debug, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SerializationError {
    #[error(
        "serializer `{serializer}` cannot express the value; try another serializer, or do not persist this result"
    )]
    Write { serializer: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("serializer `{serializer}` cannot read the payload")]
    Read { serializer: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(
        "serializer `{serializer}` with compression library `{library}` is not supported here; \
         write with `zlib`, `gzip` or `lzma` instead"
    )]
    UnsupportedLibrary { serializer: String, library: String },
    #[error(
        "there is no serializer `{name}`; use `json` or `compressed/json`, or pass one of your own"
    )]
    Unknown { name: String },
}

impl SerializationError {
    /// The error of a serializer of type `serializer` that cannot express a value.
    pub fn write(
        serializer: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Write { serializer: serializer.into(), source: source.into() }
    }

    /// The error of a serializer of type `serializer` that cannot read a payload.
    pub fn read(
        serializer: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Read { serializer: serializer.into(), source: source.into() }
    }
}

/// A [`Serializer`] that is shared. Cheap to clone.
#[derive(Clone)]
pub struct ResultSerializer(Arc<dyn Serializer>);

/// The serializer `json`, the default.
///
/// Prefect reads its payloads with the serializer of that name. Numbers that are not finite have no JSON: a value with
/// one cannot be written.
pub fn json() -> ResultSerializer {
    Json.into()
}

/// The serializer `compressed/json`: JSON, compressed with zlib.
///
/// Prefect reads its payloads. Payloads that Prefect compressed with `zlib`, `gzip` or `lzma` are read.
pub fn compressed_json() -> ResultSerializer {
    CompressedJson::zlib().into()
}

impl ResultSerializer {
    /// The serializer with Prefect's name for it: `json` or `compressed/json`.
    ///
    /// # Errors
    ///
    /// [`SerializationError::Unknown`] for any other name.
    pub fn named(name: &str) -> Result<Self, SerializationError> {
        match name {
            "json" => Ok(json()),
            "compressed/json" => Ok(compressed_json()),
            _ => Err(SerializationError::Unknown { name: name.to_owned() }),
        }
    }

    /// The serializer of this library that reads payloads with `descriptor`, if there is one.
    pub(super) fn for_reading(descriptor: &Value) -> Option<Self> {
        match type_of(descriptor)? {
            "json" => Some(json()),
            "compressed" | "compressed/json" => {
                CompressedJson::from_descriptor(descriptor).map(Self::from)
            }
            _ => None,
        }
    }

    /// The descriptor that records name it by.
    pub fn descriptor(&self) -> Value {
        self.0.descriptor()
    }

    /// The `type` of the descriptor.
    pub fn type_name(&self) -> String {
        type_of(&self.0.descriptor()).unwrap_or("(none)").to_owned()
    }

    /// Whether payloads are UTF-8 text.
    pub fn is_text(&self) -> bool {
        self.0.is_text()
    }

    /// The payload of `value`.
    ///
    /// # Errors
    ///
    /// If the format cannot express the value, or if a [`Secret`](crate::secret::Secret) is in it: its mask would be read
    /// as the secret.
    pub fn dumps<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>, SerializationError> {
        secret::refused(|| self.0.dumps(&value))
    }

    /// The value of `payload`.
    ///
    /// # Errors
    ///
    /// If the payload is damaged or its value is not a `T`.
    pub fn loads<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, SerializationError> {
        let mut value = None;
        self.0.loads(payload, &mut |reader| {
            value = Some(erased_serde::deserialize(reader)?);
            Ok(())
        })?;
        value.ok_or_else(|| SerializationError::read(self.type_name(), "it gave no value"))
    }
}

impl<S: Serializer> From<S> for ResultSerializer {
    fn from(serializer: S) -> Self {
        Self(Arc::new(serializer))
    }
}

impl fmt::Debug for ResultSerializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for ResultSerializer {
    /// Whether both write the same descriptor.
    fn eq(&self, other: &Self) -> bool {
        self.descriptor() == other.descriptor()
    }
}

/// The `type` of a descriptor.
pub(super) fn type_of(descriptor: &Value) -> Option<&str> {
    descriptor.get("type")?.as_str()
}

#[derive(Debug)]
struct Json;

impl Serializer for Json {
    fn descriptor(&self) -> Value {
        json!({ "type": "json" })
    }

    fn dumps(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, SerializationError> {
        let payload =
            serde_json::to_vec(value).map_err(|err| SerializationError::write("json", err))?;
        // What is written as `null` may have been a number: only then is it worth to look again.
        if payload.windows(4).any(|word| word == b"null") {
            finite::check(value).map_err(|err| SerializationError::write("json", err))?;
        }
        Ok(payload)
    }

    fn loads(&self, payload: &[u8], visit: &mut Visit<'_>) -> Result<(), SerializationError> {
        let mut reader = serde_json::Deserializer::from_slice(payload);
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut reader))
            .map_err(|err| SerializationError::read("json", err))?;
        reader.end().map_err(|err| SerializationError::read("json", err))
    }
}
