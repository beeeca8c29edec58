//! Codecs: how the values of a function are written as results, and read again.
//!
//! A value can be kept if it is `Serialize` and `DeserializeOwned`; of a `Result`, that is asked of what is in its `Ok`.
//! Whether that holds is found out where the concrete type is known, as everything about return types is.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::glue::{Glue, Verdict};
use super::run::Run;
use crate::results::{ResultError, ResultRecord, ResultSerializer, SerializationError};
use crate::state::panic_message;

/// How values of type `R` are written and read.
pub struct Codec<R> {
    /// The payload of a good value.
    pub encode: fn(&R, &ResultSerializer) -> Result<Vec<u8>, SerializationError>,
    /// The value of a record.
    pub decode: fn(&ResultRecord) -> Result<R, ResultError>,
}

impl<R> fmt::Debug for Codec<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codec(..)")
    }
}

/// A type whose values can be kept as results.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept as a result, but an option of this function asks for that",
    label = "a kept value is written and read with serde",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it, and return owned values; or remove the option"
)]
pub trait KeptType {}

impl<T: Serialize + DeserializeOwned> KeptType for T {}

/// Checked by the compiler, at the type of the value.
#[inline(always)]
pub const fn assert_is_kept<T: KeptType>() {}

/// Asks whether values of type `R` can be kept. Named only by expansions.
#[expect(missing_debug_implementations, reason = "probes live for one expression")]
pub struct CodecProbe<R>(PhantomData<fn() -> R>);

impl<R> CodecProbe<R> {
    /// A probe of `R`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> Default for CodecProbe<R> {
    fn default() -> Self {
        Self::new()
    }
}

/// What gives a codec, if there is one.
pub type MakesCodec<R> = fn() -> Option<Codec<R>>;

/// A `Result` whose value can be kept.
pub trait KeptSuccess<R> {
    /// How.
    fn codec(&self) -> MakesCodec<R>;
}

impl<T: Serialize + DeserializeOwned, E> KeptSuccess<Result<T, E>> for &&CodecProbe<Result<T, E>> {
    fn codec(&self) -> MakesCodec<Result<T, E>> {
        || {
            Some(Codec {
                encode: |output, serializer| match output {
                    Ok(value) => serializer.dumps(value),
                    Err(_) => Err(SerializationError::write(
                        serializer.type_name(),
                        "an error is not a result to be kept",
                    )),
                },
                decode: |record| record.decode().map(Ok),
            })
        }
    }
}

/// A value that can be kept.
pub trait KeptValue<R> {
    /// How.
    fn codec(&self) -> MakesCodec<R>;
}

impl<R: Serialize + DeserializeOwned> KeptValue<R> for &CodecProbe<R> {
    fn codec(&self) -> MakesCodec<R> {
        || {
            Some(Codec {
                encode: |value, serializer| serializer.dumps(value),
                decode: ResultRecord::decode,
            })
        }
    }
}

/// Anything else.
pub trait NotKept<R> {
    /// Not at all.
    fn codec(&self) -> MakesCodec<R>;
}

impl<R> NotKept<R> for CodecProbe<R> {
    fn codec(&self) -> MakesCodec<R> {
        || None
    }
}

/// Writes `value`, if it is good and the run's result is to be kept.
#[inline]
pub(super) fn keep<R>(run: &mut Run, glue: Glue<R>, value: &R, verdict: &Result<(), Box<Verdict>>) {
    if run.has_steps() && verdict.is_ok() {
        keep_now(run, glue, value);
    }
}

#[cold]
fn keep_now<R>(run: &mut Run, glue: Glue<R>, value: &R) {
    let (Some(serializer), Some(codec)) = (run.payload_wanted(), (glue.codec)()) else { return };
    // `Serialize` may be the user's code, too.
    let encoded =
        run.within(|| catch_unwind(AssertUnwindSafe(|| (codec.encode)(value, &serializer))));
    run.set_payload(match encoded {
        Ok(payload) => payload.map_err(|error| with_causes(&error)),
        Err(payload) => Err(panic_message(&*payload)),
    });
}

/// The value in `record`.
#[cold]
pub(super) fn decode<R>(glue: Glue<R>, record: &ResultRecord) -> Result<R, String> {
    let codec = (glue.codec)().ok_or("a value of its type cannot be read")?;
    match catch_unwind(AssertUnwindSafe(|| (codec.decode)(record))) {
        Ok(value) => value.map_err(|error| with_causes(&error)),
        Err(payload) => Err(panic_message(&*payload)),
    }
}

/// The error and what caused it: in a warning, that is what tells which field it was.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
