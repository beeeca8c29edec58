//! Lists and maps. Members of a map are written as they come and sorted at its end.

use std::borrow::Cow;
use std::ops::Range;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::scalar::{write_f64, write_integer};
use super::{Key, Unserializable, write};

/// A list that is being written.
pub(super) struct Items<'a> {
    out: &'a mut String,
    empty: bool,
    end: &'static str,
}

impl<'a> Items<'a> {
    pub(super) fn new(out: &'a mut String, end: &'static str) -> Self {
        out.push('[');
        Self { out, empty: true, end }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unserializable> {
        if !self.empty {
            self.out.push_str(", ");
        }
        self.empty = false;
        write(self.out, value)
    }

    fn finish(self) -> Result<(), Unserializable> {
        self.out.push_str(self.end);
        Ok(())
    }
}

/// A map that is being written.
pub(super) struct Members<'a> {
    out: &'a mut String,
    start: usize,
    // Invariant: all keys but that of a value still to come, each with the text of its member.
    members: Vec<(Key, Range<usize>)>,
    pending: Option<(Key, usize)>,
    end: &'static str,
    form: Form,
}

/// What a struct stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Members,
    /// A number that `serde_json` keeps as text (its feature `arbitrary_precision`).
    Number,
    /// A value that `serde_json` keeps as text (its feature `raw_value`).
    Raw,
}

impl<'a> Members<'a> {
    pub(super) fn new(out: &'a mut String, len: usize, end: &'static str) -> Self {
        out.push('{');
        let start = out.len();
        // A length is what a type says of itself, so it is not trusted with memory.
        let members = Vec::with_capacity(len.min(64));
        Self { out, start, members, pending: None, end, form: Form::Members }
    }

    /// The members of a struct. Two names are not of structs, but of texts that `serde_json` hands
    /// on.
    pub(super) fn of_struct(out: &'a mut String, name: &'static str, len: usize) -> Self {
        let form = match name {
            "$serde_json::private::Number" => Form::Number,
            "$serde_json::private::RawValue" => Form::Raw,
            _ => return Self::new(out, len, "}"),
        };
        let start = out.len();
        Self { out, start, members: Vec::new(), pending: None, end: "", form }
    }

    fn key(&mut self, key: Key) {
        if !self.members.is_empty() {
            self.out.push_str(", ");
        }
        let from = self.out.len();
        key.write(self.out);
        self.out.push_str(": ");
        self.pending = Some((key, from));
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unserializable> {
        write(self.out, value)?;
        if let Some((key, from)) = self.pending.take() {
            self.members.push((key, from..self.out.len()));
        }
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Unserializable> {
        if self.form == Form::Members {
            self.key(Key::Text(Cow::Borrowed(name)));
            return self.value(value);
        }
        let mut quoted = String::new();
        write(&mut quoted, value)?;
        let text: String = serde_json::from_str(&quoted).map_err(unreadable)?;
        if self.form == Form::Number {
            return number(self.out, &text);
        }
        let value: serde_json::Value = serde_json::from_str(&text).map_err(unreadable)?;
        write(self.out, &value)
    }

    fn finish(self) -> Result<(), Unserializable> {
        let Self { out, start, mut members, end, .. } = self;
        if !members.is_sorted_by(|(a, _), (b, _)| a.order(b).is_le()) {
            members.sort_by(|(a, _), (b, _)| a.order(b));
            let mut sorted = String::with_capacity(out.len() - start);
            for (index, (_, text)) in members.into_iter().enumerate() {
                if index > 0 {
                    sorted.push_str(", ");
                }
                sorted.push_str(&out[text]);
            }
            out.truncate(start);
            out.push_str(&sorted);
        }
        out.push_str(end);
        Ok(())
    }
}

fn unreadable(error: serde_json::Error) -> Unserializable {
    Unserializable(error.to_string())
}

/// Appends a number that is given as text.
fn number(out: &mut String, text: &str) -> Result<(), Unserializable> {
    if text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) {
        // Python has no negative zero among whole numbers.
        write_integer(out, if text == "-0" { "0" } else { text });
        return Ok(());
    }
    let value: f64 =
        text.parse().map_err(|_| Unserializable(format!("`{text}` is not a number")))?;
    write_f64(out, value);
    Ok(())
}

macro_rules! items {
    ($($name:ident, $method:ident;)*) => {$(
        impl $name for Items<'_> {
            type Ok = ();
            type Error = Unserializable;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unserializable> {
                self.item(value)
            }

            fn end(self) -> Result<(), Unserializable> {
                self.finish()
            }
        }
    )*};
}

items! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
}

macro_rules! fields {
    ($($name:ident),*) => {$(
        impl $name for Members<'_> {
            type Ok = ();
            type Error = Unserializable;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Unserializable> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Unserializable> {
                self.finish()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Members<'_> {
    type Ok = ();
    type Error = Unserializable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unserializable> {
        self.key(Key::of(key)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unserializable> {
        self.value(value)
    }

    fn end(self) -> Result<(), Unserializable> {
        self.finish()
    }
}
