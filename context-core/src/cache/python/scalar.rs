//! Numbers and texts.

use std::fmt::{Display, Write as _};

/// Appends a whole number.
pub(super) fn write_integer(out: &mut String, value: impl Display) {
    append(out, format_args!("{value}"));
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _written = out.write_fmt(text);
}

macro_rules! float {
    ($(#[$doc:meta])* $name:ident, $float:ty) => {
        $(#[$doc])*
        pub(super) fn $name(out: &mut String, value: $float) {
            if value.is_nan() {
                out.push_str("NaN");
            } else if value.is_infinite() {
                out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
            } else if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
                append(out, format_args!("{value:?}"));
            } else {
                let start = out.len();
                append(out, format_args!("{value:e}"));
                pad_exponent(out, start);
            }
        }
    };
}

float! {
    /// Appends a number as Python's `repr` shows it: the shortest digits that name it, with an
    /// exponent below 0.0001 and from 1e16 on.
    write_f64, f64
}

float! {
    /// As [`write_f64`], with the shortest digits that name it among the `f32`.
    write_f32, f32
}

/// `1e16` becomes `1e+16`, and `1e-7` becomes `1e-07`.
fn pad_exponent(out: &mut String, start: usize) {
    let Some(found) = out[start..].find('e') else { return };
    let sign = start + found + 1;
    if !out[sign..].starts_with('-') {
        out.insert(sign, '+');
    }
    if out.len() - sign == 2 {
        out.insert(sign + 1, '0');
    }
}

/// Appends a text between quotes, in ASCII.
pub(in super::super) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        if let Some(character) = characters.next() {
            write_escaped(out, character);
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Whether a byte stands for itself. The bytes of characters outside ASCII do not.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

fn write_escaped(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                append(out, format_args!("\\u{unit:04x}"));
            }
        }
    }
}
