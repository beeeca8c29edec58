//! Arguments as JSON, by their names.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Arguments by name, as JSON.
pub struct Named<'a>(pub(super) HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Named<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, String> {
        let read = serde_json::from_str(text);
        read.map(Self).map_err(|error| format!("its arguments cannot be read: {}", form(&error)))
    }

    fn argument<T: DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        let Some(value) = self.0.get(name) else {
            return Err(format!("it lacks the argument `{name}`"));
        };
        serde_json::from_str(value.get())
            .map_err(|error| format!("its argument `{name}` cannot be read: {}", form(&error)))
    }
}

/// What is wrong with a text, without anything of it: it may be a secret.
pub(super) fn form(error: &serde_json::Error) -> String {
    let what = if error.is_data() { "it is of another form" } else { "it is no JSON" };
    format!("{what}, at line {} column {}", error.line(), error.column())
}

impl fmt::Debug for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A tuple of arguments that can be read from JSON.
pub trait ReadArguments: Sized {
    /// Reads them by their names.
    ///
    /// # Errors
    ///
    /// If one is missing, or cannot be read.
    fn read(named: &Named<'_>, names: &[&'static str]) -> Result<Self, String>;
}

impl ReadArguments for () {
    fn read(_: &Named<'_>, _: &[&'static str]) -> Result<(), String> {
        Ok(())
    }
}

macro_rules! read_arguments {
    ($($($argument:ident $index:tt),+;)+) => {$(
        impl<$($argument: DeserializeOwned),+> ReadArguments for ($($argument,)+) {
            fn read(named: &Named<'_>, names: &[&'static str]) -> Result<Self, String> {
                Ok(($(named.argument::<$argument>(names.get($index).copied().unwrap_or_default())?,)+))
            }
        }
    )+};
}

read_arguments! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}
