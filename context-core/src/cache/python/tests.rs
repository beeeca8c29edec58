use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde::Serialize;
use serde::ser::{Error as _, SerializeSeq as _};
use serde_json::json;

use super::*;

fn text<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = String::new();
    write(&mut out, value).unwrap();
    out
}

fn error<T: Serialize + ?Sized>(value: &T) -> String {
    write(&mut String::new(), value).unwrap_err().to_string()
}

#[derive(Serialize)]
struct Page {
    url: &'static str,
    number: u8,
    #[serde(flatten)]
    more: BTreeMap<&'static str, bool>,
}

#[derive(Serialize, PartialEq, Eq, Hash)]
enum Shape {
    Unit,
    New(u8),
    Tuple(u8, u8),
    Struct { z: u8, a: u8 },
}

#[test]
fn members_are_sorted_at_every_depth() {
    let page = Page { url: "u", number: 1, more: BTreeMap::from([("a", true), ("z", false)]) };
    assert_eq!(text(&page), r#"{"a": true, "number": 1, "url": "u", "z": false}"#);
    let scattered: HashMap<_, _> = (0..100).map(|n| (format!("{n:03}"), n)).collect();
    assert_eq!(text(&scattered), text(&scattered.iter().collect::<BTreeMap<_, _>>()));
    let nested = json!({"b": [{"d": 1, "c": {}}], "a": []});
    assert_eq!(text(&nested), r#"{"a": [], "b": [{"c": {}, "d": 1}]}"#);
}

#[test]
fn keys_sort_by_character_and_numbers_by_value() {
    let letters: HashMap<_, _> = ["é", "z", "Z", "\u{ffff}", "🦀"].map(|key| (key, 0)).into();
    assert_eq!(text(&letters), r#"{"Z": 0, "z": 0, "\u00e9": 0, "\uffff": 0, "\ud83e\udd80": 0}"#);
    assert_eq!(text(&HashMap::from([(10, 0), (-1, 0), (9, 0)])), r#"{"-1": 0, "9": 0, "10": 0}"#);
    let large: HashMap<_, _> = [u128::MAX, 1, u128::MAX - 1].map(|key| (key, ())).into();
    let expected = format!(r#"{{"1": null, "{}": null, "{}": null}}"#, u128::MAX - 1, u128::MAX);
    assert_eq!(text(&large), expected);
    assert_eq!(text(&HashMap::from([(true, 1), (false, 0)])), r#"{"false": 0, "true": 1}"#);
    assert_eq!(text(&HashMap::from([('b', 1), ('a', 0)])), r#"{"a": 0, "b": 1}"#);
    assert_eq!(text(&HashMap::from([(Shape::Unit, Some(1))])), r#"{"Unit": 1}"#);
}

#[test]
fn enums_have_the_forms_of_json() {
    let shapes = [Shape::Unit, Shape::New(1), Shape::Tuple(1, 2), Shape::Struct { z: 1, a: 2 }];
    let expected = r#"["Unit", {"New": 1}, {"Tuple": [1, 2]}, {"Struct": {"a": 2, "z": 1}}]"#;
    assert_eq!(text(&shapes), expected);
    assert_eq!(text(&(None::<u8>, Some('é'), (), [0u8; 0])), r#"[null, "\u00e9", null, []]"#);
}

#[test]
fn what_cannot_be_written_says_why() {
    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(None)?;
            list.serialize_element(&1)?;
            Err(S::Error::custom("the file is closed"))
        }
    }
    assert_eq!(error(&BTreeMap::from([("a", [Fails])])), "the file is closed");
    let key = "a key of a map must be a text or a number, not ";
    assert_eq!(error(&HashMap::from([((1, 2), 3)])), format!("{key}a tuple"));
    assert_eq!(error(&HashMap::from([(vec![1], 3)])), format!("{key}a list"));
    assert_eq!(error(&HashMap::from([((), 3)])), format!("{key}nothing"));
    assert_eq!(error(&HashMap::from([(Shape::New(1), 3)])), format!("{key}a variant with a value"));
    assert_eq!(
        error(&HashMap::from([(Shape::Tuple(1, 2), 3)])),
        format!("{key}a variant with values")
    );
}

#[test]
fn numbers_that_json_keeps_as_text_are_numbers() {
    // What `serde_json` does with its features `arbitrary_precision` and `raw_value`.
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::Number")]
    struct Precise {
        number: &'static str,
    }
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::RawValue")]
    struct Raw {
        value: &'static str,
    }
    let precise = ["-0", "12", "1e400", "1E16", "1.50"].map(|number| Precise { number });
    assert_eq!(text(&precise), "[0, 12, Infinity, 1e+16, 1.5]");
    assert_eq!(text(&Raw { value: r#"{"b":[1.0],"a":"é"}"# }), r#"{"a": "\u00e9", "b": [1.0]}"#);
    assert!(error(&Precise { number: "x" }).contains("`x` is not a number"));
    assert!(error(&Raw { value: "{" }).contains("EOF"));
}

#[test]
fn a_short_float_is_the_number_its_digits_name() {
    let floats = [0.1_f32, 1e16, 1e-4, 1e-5, 3.402_823_5e38, -0.0, f32::NAN, f32::NEG_INFINITY];
    let expected = "[0.1, 1e+16, 0.0001, 1e-05, 3.4028235e+38, -0.0, NaN, -Infinity]";
    assert_eq!(text(&floats), expected);
    let long = [-1e15_f32, 1.25e14, 123_456_790.0, 0.001_25, 1.5e-4, -1.5e-5];
    let expected =
        "[-1000000000000000.0, 125000000000000.0, 123456790.0, 0.00125, 0.00015, -1.5e-05]";
    assert_eq!(text(&long), expected);
}

proptest! {
    #[test]
    fn a_float_is_read_back_and_has_the_form_of_python(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let text = text(&value);
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
        let digits = text.trim_start_matches('-');
        match digits.split_once('e') {
            Some((mantissa, exponent)) => {
                prop_assert!(value.abs() < 1e-4 || value.abs() >= 1e16);
                prop_assert!(exponent.starts_with(['+', '-']) && (3..=4).contains(&exponent.len()));
                prop_assert!(exponent.len() == 3 || exponent.as_bytes()[1] != b'0');
                prop_assert!(mantissa.len() == 1 || mantissa.as_bytes()[1] == b'.');
                prop_assert!(!mantissa.ends_with('0') && !mantissa.ends_with('.'));
            }
            None => {
                prop_assert!(value == 0.0 || (1e-4..1e16).contains(&value.abs()));
                prop_assert!(digits.contains('.') && !digits.ends_with('.'));
            }
        }
    }

    #[test]
    fn a_usual_float_is_read_back(value in -1e6..1e6) {
        prop_assert_eq!(text(&value).parse::<f64>().unwrap(), value);
    }

    #[test]
    fn a_text_is_ascii_and_read_back(value in any::<String>()) {
        let text = text(&value);
        prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), &*value);
        // Escapes are in lower case, and only what has no shorter form has a number.
        for (at, _) in text.match_indices("\\u") {
            if text[..at].ends_with('\\') {
                continue;
            }
            let unit = &text[at + 2..at + 6];
            prop_assert_eq!(unit, unit.to_lowercase());
            let code = u16::from_str_radix(unit, 16).unwrap();
            prop_assert!(code < 0x20 && !matches!(code, 8 | 9 | 10 | 12 | 13) || code > 0x7e, "{unit}");
        }
    }

    #[test]
    fn the_order_of_members_does_not_count(
        members in proptest::collection::vec(("\\PC{0,3}", any::<i32>()), 0..12),
    ) {
        struct AsMap<'a>(Vec<&'a (String, i32)>);
        impl Serialize for AsMap<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
            }
        }
        let unique: BTreeMap<_, _> = members.iter().map(|member| (&member.0, member)).collect();
        let forward: Vec<_> = unique.values().copied().collect();
        let backward = forward.iter().rev().copied().collect();
        prop_assert_eq!(text(&AsMap(forward)), text(&AsMap(backward)));
    }
}
