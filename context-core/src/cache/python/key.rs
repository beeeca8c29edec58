//! Keys of maps: texts, and what Python's JSON makes a text of.
//!
//! Python sorts keys before they become texts, so numbers are in the order of numbers.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Display;

use serde::ser::{Impossible, Serialize, Serializer};

use super::Unserializable;
use super::scalar::{write_f32, write_f64, write_integer, write_text};

/// A key, in a form that can be compared.
pub(super) enum Key {
    Integer(i128),
    /// More than an `i128` holds.
    Large(u128),
    /// A float and the text that names it.
    Float(f64, String),
    Text(Cow<'static, str>),
}

impl Key {
    /// The key of `value`, if it can be one.
    pub(super) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, Unserializable> {
        value.serialize(KeyOf)
    }

    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => write_text(out, text),
            Self::Integer(number) => quoted(out, number),
            Self::Large(number) => quoted(out, number),
            Self::Float(_, text) => quoted(out, text),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Float(..) => 0,
            Self::Integer(_) => 1,
            Self::Large(_) => 2,
            Self::Text(_) => 3,
        }
    }

    /// Keys of one map are of one kind in practice; Python refuses to compare numbers with texts.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Large(a), Self::Large(b)) => a.cmp(b),
            (Self::Float(a, _), Self::Float(b, _)) => a.total_cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

fn quoted(out: &mut String, number: impl Display) {
    out.push('"');
    write_integer(out, number);
    out.push('"');
}

/// Makes a [`Key`] of a value.
struct KeyOf;

type No = Impossible<Key, Unserializable>;

fn refused<T>(what: &str) -> Result<T, Unserializable> {
    Err(Unserializable(format!("a key of a map must be a text or a number, not {what}")))
}

macro_rules! integer_keys {
    ($($method:ident: $integer:ty),*) => {$(
        fn $method(self, value: $integer) -> Result<Key, Unserializable> {
            Ok(Key::Integer(value.into()))
        }
    )*};
}

macro_rules! float_keys {
    ($($method:ident: $float:ty, $write:ident;)*) => {$(
        fn $method(self, value: $float) -> Result<Key, Unserializable> {
            if !value.is_finite() {
                return refused("a number without a value");
            }
            let mut text = String::new();
            $write(&mut text, value);
            Ok(Key::Float(value.into(), text))
        }
    )*};
}

impl Serializer for KeyOf {
    type Ok = Key;
    type Error = Unserializable;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    integer_keys! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64
    }

    float_keys! {
        serialize_f32: f32, write_f32;
        serialize_f64: f64, write_f64;
    }

    fn serialize_u128(self, value: u128) -> Result<Key, Unserializable> {
        Ok(i128::try_from(value).map_or(Key::Large(value), Key::Integer))
    }

    fn serialize_bool(self, value: bool) -> Result<Key, Unserializable> {
        Ok(Key::Text(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn serialize_char(self, value: char) -> Result<Key, Unserializable> {
        Ok(Key::Text(Cow::Owned(value.to_string())))
    }

    fn serialize_str(self, value: &str) -> Result<Key, Unserializable> {
        Ok(Key::Text(Cow::Owned(value.to_owned())))
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Key, Unserializable> {
        Ok(Key::Text(Cow::Borrowed(variant)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Key, Unserializable> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Key, Unserializable> {
        value.serialize(self)
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<Key, Unserializable> {
        refused("bytes")
    }

    fn serialize_none(self) -> Result<Key, Unserializable> {
        refused("nothing")
    }

    fn serialize_unit(self) -> Result<Key, Unserializable> {
        refused("nothing")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Key, Unserializable> {
        refused("nothing")
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<Key, Unserializable> {
        refused("a variant with a value")
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<No, Unserializable> {
        refused("a list")
    }

    fn serialize_tuple(self, _len: usize) -> Result<No, Unserializable> {
        refused("a tuple")
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<No, Unserializable> {
        refused("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<No, Unserializable> {
        refused("a variant with values")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<No, Unserializable> {
        refused("a map")
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<No, Unserializable> {
        refused("a struct")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<No, Unserializable> {
        refused("a variant with values")
    }
}
