//! Values as the text of Python's `json.dumps(value, sort_keys=True)`.
//!
//! Keys are hashes of this text, so it must agree to the byte: `", "` and `": "` between members,
//! everything outside ASCII as `\uXXXX`, numbers as Python's `repr` shows them, and members sorted.
//! It is written straight from a value's `Serialize`, without a tree in between, because a tree of
//! JSON has no NaN and would round some numbers. Enums, options and bytes have the forms that
//! `serde_json` gives them.
//!
//! This module does not know what the text is for.

mod key;
mod members;
mod scalar;

use std::fmt::Display;

use serde::ser::{self, Serialize, Serializer};
use thiserror::Error;

use key::Key;
use members::{Items, Members};
pub(super) use scalar::write_text;
use scalar::{write_f32, write_f64, write_integer};

/// Appends `value`. If that fails, part of it may have been written.
pub(super) fn write<T: Serialize + ?Sized>(
    out: &mut String,
    value: &T,
) -> Result<(), Unserializable> {
    value.serialize(Writer { out })
}

/// Why a value could not be written.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct Unserializable(pub(super) String);

impl ser::Error for Unserializable {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Appends one value to a text.
struct Writer<'a> {
    out: &'a mut String,
}

impl<'a> Writer<'a> {
    /// `{"variant": `, for what stands for a variant with fields.
    fn open_variant(&mut self, variant: &'static str) {
        self.out.push('{');
        write_text(self.out, variant);
        self.out.push_str(": ");
    }

    fn literal(self, text: &str) -> Result<(), Unserializable> {
        self.out.push_str(text);
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident: $integer:ty),*) => {$(
        fn $method(self, value: $integer) -> Result<(), Unserializable> {
            write_integer(self.out, value);
            Ok(())
        }
    )*};
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Unserializable;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Members<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), Unserializable> {
        self.literal(if value { "true" } else { "false" })
    }

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unserializable> {
        write_f32(self.out, value);
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unserializable> {
        write_f64(self.out, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Unserializable> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unserializable> {
        write_text(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unserializable> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Unserializable> {
        self.literal("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unserializable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unserializable> {
        self.literal("null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Unserializable> {
        self.literal("null")
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Unserializable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Unserializable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unserializable> {
        self.open_variant(variant);
        write(self.out, value)?;
        self.literal("}")
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Items<'a>, Unserializable> {
        Ok(Items::new(self.out, "]"))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Items<'a>, Unserializable> {
        Ok(Items::new(self.out, "]"))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Items<'a>, Unserializable> {
        Ok(Items::new(self.out, "]"))
    }

    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items<'a>, Unserializable> {
        self.open_variant(variant);
        Ok(Items::new(self.out, "]}"))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Members<'a>, Unserializable> {
        Ok(Members::new(self.out, len.unwrap_or(0), "}"))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Members<'a>, Unserializable> {
        Ok(Members::of_struct(self.out, name, len))
    }

    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Members<'a>, Unserializable> {
        self.open_variant(variant);
        Ok(Members::new(self.out, len, "}}"))
    }
}

#[cfg(test)]
mod tests;
