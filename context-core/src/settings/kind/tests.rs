use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn delays(text: &str) -> Option<Vec<f64>> {
    Some(Delays::parse(text)?.get().iter().map(Duration::as_secs_f64).collect())
}

#[test]
fn delays_are_a_number_or_a_list() {
    assert_eq!(delays("10"), Some(vec![10.0]));
    assert_eq!(delays("0.5, 2,3"), Some(vec![0.5, 2.0, 3.0]));
    assert_eq!(delays("[1, 2.5]"), Some(vec![1.0, 2.5]));
    for wrong in ["", "[]", "1,,2", "-1", "inf", "nan", "1e300", "[1", "1]", "1s", "[[1]]"] {
        assert_eq!(delays(wrong), None, "{wrong}");
    }
    assert_eq!(Delays::parse("1, 10").unwrap().text().unwrap(), "[1,10]");
    assert_eq!(Delays::parse("1.50").unwrap().text().unwrap(), "1.5");
    assert_eq!(Delays::new([]), Delays::default());
}

#[test]
fn addresses() {
    let url = |text| Url::parse(text).map(|url| url.0);
    assert_eq!(url("http://x:4200/api/").as_deref(), Some("http://x:4200/api"));
    assert_eq!(url("HTTPS://x").as_deref(), Some("HTTPS://x"));
    for wrong in ["x:4200", "ftp://x", "http://", "http:///api", "http://a b", "localhost"] {
        assert_eq!(url(wrong), None, "{wrong}");
    }
}

#[test]
fn no_password_of_an_address_is_shown_however_it_is_written() {
    for (address, shown) in [
        ("https://ada:s3cret@host/api", "https://********@host/api"),
        ("https://ada:s3/cr?et@host", "https://********@host"),
        ("ada:s3cret@host", "********@host"),
        ("htp//ada:s3cret@host", "********@host"),
        ("https://host/api", "https://host/api"),
    ] {
        assert_eq!(Url::masked(address), shown);
    }
    assert_eq!(format!("{:?}", Url("http://u:p@h".to_owned())), "\"http://********@h\"");
}

#[test]
fn yes_and_no_are_read_as_prefect_reads_them() {
    for (words, meaning) in [("true T Yes y on 1", true), ("False f NO n off 0", false)] {
        assert!(words.split(' ').all(|word| bool::parse(word) == Some(meaning)));
    }
    for wrong in ["", "2", "truee", "none"] {
        assert_eq!(bool::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn numbers_may_be_grouped_and_have_bounds() {
    assert_eq!(u32::parse("4_000_000"), Some(4_000_000));
    for wrong in ["-1", "4294967296", "1.0", "", "many"] {
        assert_eq!(u32::parse(wrong), None, "{wrong}");
    }
    assert_eq!(NonZeroUsize::parse("0"), None);
    assert_eq!(Factor::parse("0"), Some(Factor(0.0)));
    for wrong in ["-0.1", "nan", "inf", "x"] {
        assert_eq!(Factor::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn times_are_seconds_and_some_are_more_than_none() {
    assert_eq!(Seconds::parse("0"), Some(Seconds(Duration::ZERO)));
    assert_eq!(SomeSeconds::parse("0.5"), Some(SomeSeconds(Duration::from_millis(500))));
    assert_eq!(SomeSeconds::parse("0"), None);
    assert_eq!(SomeSeconds::new(60).text().unwrap(), "60", "a whole number has no fraction");
}

#[test]
fn heartbeats_are_at_least_half_a_minute_apart() {
    let heartbeat = |text| Heartbeat::parse(text).map(|heartbeat| heartbeat.0);
    assert_eq!(heartbeat("180"), Some(Some(Duration::from_secs(180))));
    assert_eq!(heartbeat("1"), Some(Some(Duration::from_secs(30))));
    assert_eq!(heartbeat("None"), Some(None));
    assert_eq!(heartbeat("never"), None);
}

#[test]
fn codes_are_a_set_and_names_a_list() {
    assert_eq!(Codes::parse("503, 404,503").unwrap().get(), [404, 503]);
    assert_eq!(Codes::parse("[404]").unwrap().get(), [404]);
    for wrong in ["99", "600", "4o4", "404,,500", ""] {
        assert!(Codes::parse(wrong).is_none(), "{wrong}");
    }
    assert_eq!(*Names::parse(r#"["b", "a"]"#).unwrap().0, ["b", "a"]);
    assert_eq!(Names::parse("b, a").unwrap().text().unwrap(), "b,a");
}

#[test]
fn headers_are_a_json_object_of_what_can_be_sent() {
    let headers =
        Headers::parse(r#"{"X-Team": "data", "Authorization": "Bearer s3cret"}"#).unwrap();
    assert_eq!(headers.text().unwrap(), r#"{"Authorization":"Bearer s3cret","X-Team":"data"}"#);
    let shown = format!("{headers:?} {}", headers.json(Secrets::Masked));
    assert!(shown.contains("X-Team") && !shown.contains("s3cret"), "{shown}");
    for wrong in [
        "X-Team: data",
        "[]",
        r#"{"X-Team": 1}"#,
        r#"{"X Team": "a"}"#,
        r#"{"": "a"}"#,
        r#"{"X": "a\r\nHost: b"}"#,
    ] {
        assert!(Headers::parse(wrong).is_none(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_value_or_refused(text in any::<String>()) {
        if let Some(delays) = Delays::parse(&text) {
            prop_assert!(!delays.get().is_empty());
        }
        if let Some(url) = Url::parse(&text) {
            prop_assert!(text.starts_with(&url.0));
        }
        if let Some(codes) = Codes::parse(&text) {
            prop_assert!(codes.get().is_sorted());
        }
        prop_assert_eq!(u32::parse(&text).is_some(), text.replace('_', "").parse::<u32>().is_ok());
    }

    #[test]
    fn what_is_written_is_read_again(millis in prop::collection::vec(0_u64..1 << 40, 1..4), factor in 0.0..1e9) {
        let delays = Delays::new(millis.iter().copied().map(Duration::from_millis));
        prop_assert_eq!(Delays::parse(&delays.text().unwrap()), Some(delays));
        let factor = Factor(factor);
        prop_assert_eq!(Factor::parse(&factor.text().unwrap()), Some(factor));
        let time = Seconds(Duration::from_millis(millis[0]));
        prop_assert_eq!(Seconds::parse(&time.text().unwrap()), Some(time));
    }
}
