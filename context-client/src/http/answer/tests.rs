use super::*;

fn of(body: &str) -> String {
    detail(body.as_bytes())
}

#[test]
fn the_server_says_why_in_several_ways() {
    assert_eq!(of(r#"{"detail":"Flow not found"}"#), "Flow not found");
    assert_eq!(of(r#"{"exception_message":"Unauthorized"}"#), "Unauthorized");
    assert_eq!(of("Bad Gateway\n"), "Bad Gateway");
    assert_eq!(of(""), "");
    assert_eq!(of(r#"["odd"]"#), r#"["odd"]"#);
    assert_eq!(of(r#"{"other":1}"#), r#"{"other":1}"#);
}

#[test]
fn a_refused_field_is_named_without_what_was_sent() {
    let body = r#"{
        "exception_message": "Invalid request received.",
        "exception_detail": [
            {"type": "extra_forbidden", "loc": ["body", "state", "id"], "msg": "Extra inputs are not permitted", "input": "s3cret"},
            {"type": "int_type", "loc": ["body", 0, "level"], "msg": "Input should be a valid integer", "input": "s3cret"}
        ],
        "request_body": {"password": "s3cret"}
    }"#;
    assert_eq!(
        of(body),
        "Invalid request received. body.state.id: Extra inputs are not permitted; body.0.level: Input should be a \
         valid integer"
    );
}

#[test]
fn a_long_text_is_cut() {
    let page = format!("<html>{}</html>", "ä".repeat(5000));
    assert_eq!(of(&page).chars().count(), LONGEST_PAGE + 1);
    let detail = format!(r#"{{"detail":"{}"}}"#, "ä".repeat(5000));
    assert_eq!(of(&detail).chars().count(), LONGEST_DETAIL + 1);
}

#[test]
fn causes_say_each_thing_once_and_the_library_nothing() {
    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Self>>,
    }
    let layer = |text, source: Option<Layer>| Layer { text, source: source.map(Box::new) };
    let bottom = layer("connection refused", None);
    let connect = layer("tcp connect error: connection refused", Some(bottom));
    let err = layer("error sending request", Some(layer("client error (Connect)", Some(connect))));
    assert_eq!(causes(&err), "tcp connect error: connection refused");
    assert_eq!(causes(&layer("error sending request", None)), "error sending request");
}
