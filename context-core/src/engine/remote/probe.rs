//! Probes: whether a task may be run in another process.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::arguments::form;
use super::{ReadArguments, RemoteError, RemoteFn, Remotely, verdict};
use crate::engine::codec::{CodecProbe, KeptSuccess as _};
use crate::engine::glue::Glue;

/// Asks whether a task may be run in another process. Named only by expansions.
#[expect(missing_debug_implementations, reason = "probes live for one expression")]
pub struct RemoteProbe<Args, V>(PhantomData<fn(Args) -> V>);

impl<Args, V> RemoteProbe<Args, V> {
    /// A probe of arguments and a value.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<Args, V> Default for RemoteProbe<Args, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// A task that may.
pub trait MayLeave<Args, V> {
    /// How.
    fn remote(&self) -> Option<RemoteFn<Args, V>>;
}

impl<Args, V> MayLeave<Args, V> for &RemoteProbe<Args, V>
where
    Args: ReadArguments,
    V: Serialize + DeserializeOwned,
{
    fn remote(&self) -> Option<RemoteFn<Args, V>> {
        Some(RemoteFn {
            read: Args::read,
            write_value: |value| {
                serde_json::to_string(value).map_err(|error| format!("cannot be written: {error}"))
            },
            read_value: |text| {
                serde_json::from_str(text)
                    .map_err(|error| format!("cannot be read: {}", form(&error)))
            },
            glue: || Glue {
                verdict,
                raise: |error| Err(RemoteError::Raised(error)),
                codec: (&&CodecProbe::<Remotely<V>>::new()).codec(),
            },
        })
    }
}

/// A task that may not.
pub trait MayNotLeave<Args, V> {
    /// Not at all.
    fn remote(&self) -> Option<RemoteFn<Args, V>>;
}

impl<Args, V> MayNotLeave<Args, V> for RemoteProbe<Args, V> {
    fn remote(&self) -> Option<RemoteFn<Args, V>> {
        None
    }
}
