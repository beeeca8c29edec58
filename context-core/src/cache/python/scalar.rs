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
            } else {
                // Not the standard library: of two shortest texts that are equally near, Python
                // takes the even one, and so does this.
                write_finite(out, zmij::Buffer::new().format_finite(value));
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

/// Appends a number whose digits are right, in Python's form.
fn write_finite(out: &mut String, text: &str) {
    let unsigned = text.trim_start_matches('-');
    if !unsigned.contains('e') && !unsigned.starts_with("0.0000") {
        return out.push_str(text);
    }
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    // Where the point stands, counted from the first digit.
    let point = whole.len() as i32 - (all.len() - digits.len()) as i32
        + exponent.parse::<i32>().unwrap_or_default();
    let digits = digits.trim_end_matches('0');
    if unsigned.len() < text.len() {
        out.push('-');
    }
    match usize::try_from(point) {
        // Only an `f32` comes here: its text has an exponent earlier.
        Ok(point) if (1..=16).contains(&point) => {
            let (whole, fraction) = digits.split_at(point.min(digits.len()));
            append(out, format_args!("{whole:0<point$}.{fraction:0<1}"));
        }
        _ if (-3..=0).contains(&point) => {
            let zeros = point.unsigned_abs() as usize;
            append(out, format_args!("0.{:0<zeros$}{digits}", ""));
        }
        _ => {
            let (first, rest) = digits.split_at(digits.len().min(1));
            let dot = if rest.is_empty() { "" } else { "." };
            append(out, format_args!("{first}{dot}{rest}e{:+03}", point - 1));
        }
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
