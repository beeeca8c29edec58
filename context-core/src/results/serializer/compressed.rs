//! JSON that is compressed, then written in base64: Prefect's `compressed/json`.
//!
//! The descriptor names a Python module as `compressionlib`. Those whose formats can be read are known here by these
//! names; only `zlib` is written.

use std::io::{self, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::ZlibEncoder;
use lzma_rust2::{LzmaReader, XzReader};
use serde_json::{Value, json};

use super::{Json, SerializationError, Serializer, Visit, type_of};

const TYPE: &str = "compressed/json";

/// The most memory that a dictionary of LZMA may take: four times that of the strongest preset.
const LZMA_MEMORY_KB: u32 = 256 * 1024;

#[derive(Debug)]
pub(super) struct CompressedJson {
    /// The Python module.
    library: String,
}

impl CompressedJson {
    pub(super) fn zlib() -> Self {
        Self { library: "zlib".to_owned() }
    }

    /// The reader for `compressed/json`, or for `compressed` around `json`.
    pub(super) fn from_descriptor(descriptor: &Value) -> Option<Self> {
        let inner = match descriptor.get("serializer") {
            Some(Value::String(name)) => name,
            Some(inner) => type_of(inner)?,
            // The default of `compressed/json`.
            None if type_of(descriptor) == Some(TYPE) => "json",
            None => return None,
        };
        // Prefect's default library is `lzma`.
        let library = descriptor.get("compressionlib").map_or(Some("lzma"), Value::as_str)?;
        (inner == "json").then(|| Self { library: library.to_owned() })
    }

    fn decompress(&self, packed: &[u8]) -> Result<Vec<u8>, SerializationError> {
        let mut json = Vec::new();
        let done = match self.library.as_str() {
            "zlib" => ZlibDecoder::new(packed).read_to_end(&mut json),
            "gzip" => MultiGzDecoder::new(packed).read_to_end(&mut json),
            "lzma" => unpack_lzma(packed, &mut json),
            library => {
                let (serializer, library) = (TYPE.to_owned(), library.to_owned());
                return Err(SerializationError::UnsupportedLibrary { serializer, library });
            }
        };
        done.map_err(|err| SerializationError::read(TYPE, err))?;
        Ok(json)
    }
}

/// Python's `lzma.decompress` takes both containers, so both are read.
fn unpack_lzma(packed: &[u8], json: &mut Vec<u8>) -> io::Result<usize> {
    const XZ: &[u8] = b"\xfd7zXZ\0";
    if packed.starts_with(XZ) {
        return XzReader::new_mem_limit(packed, true, LZMA_MEMORY_KB).read_to_end(json);
    }
    LzmaReader::new_mem_limit(packed, LZMA_MEMORY_KB, None)?.read_to_end(json)
}

impl Serializer for CompressedJson {
    fn descriptor(&self) -> Value {
        json!({ "type": TYPE, "serializer": { "type": "json" }, "compressionlib": self.library })
    }

    fn dumps(&self, value: &dyn erased_serde::Serialize) -> Result<Vec<u8>, SerializationError> {
        let write = |err: io::Error| SerializationError::write(TYPE, err);
        let json = Json.dumps(value)?;
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&json).map_err(write)?;
        Ok(STANDARD.encode(packer.finish().map_err(write)?).into_bytes())
    }

    fn loads(&self, payload: &[u8], visit: &mut Visit<'_>) -> Result<(), SerializationError> {
        // Python writes base64 in lines.
        let base64: Vec<u8> =
            payload.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let packed = STANDARD.decode(base64).map_err(|err| SerializationError::read(TYPE, err))?;
        Json.loads(&self.decompress(&packed)?, visit)
    }
}
