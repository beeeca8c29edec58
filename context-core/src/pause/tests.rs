use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::id::FlowRunId;

/// Whether the page may be published.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Approval {
    /// Who says so.
    editor: String,
    #[serde(default)]
    urgent: bool,
    section: Option<Section>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
enum Section {
    News,
    Sports,
}

#[test]
fn a_struct_is_asked_for_field_by_field() {
    let form = Form::of::<Approval>(None);
    assert_eq!(
        form.schema,
        json!({
            "title": "Approval",
            "description": "Whether the page may be published.",
            "type": "object",
            "properties": {
                "editor": { "description": "Who says so.", "type": "string" },
                "urgent": { "type": "boolean", "default": false },
                "section": { "type": ["string", "null"], "enum": ["News", "Sports", null] },
            },
            "required": ["editor"],
        })
    );
    let given = input::decode::<Approval>(Some(json!({ "editor": "ann", "section": "News" })));
    let approval =
        Approval { editor: "ann".to_owned(), urgent: false, section: Some(Section::News) };
    assert_eq!(given, Ok(approval));
    assert_eq!((form.misfit)(Some(json!({ "editor": "ann" }))), None);
    assert_eq!((form.misfit)(None).unwrap(), "missing field `editor`");
}

#[test]
fn a_plain_value_is_asked_for_as_one_field() {
    assert_eq!(
        Form::of::<u8>(None).schema,
        json!({
            "title": "uint8",
            "type": "object",
            "properties": {
                "value": {
                    "title": "uint8", "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255,
                },
            },
            "required": ["value"],
        })
    );
    assert_eq!(input::decode::<u8>(Some(json!({ "value": 7 }))), Ok(7));
    assert_eq!(input::decode::<Vec<u8>>(Some(json!({ "value": [7] }))), Ok(vec![7]));
    assert_eq!(input::decode::<Option<u8>>(None), Ok(None));
    // A map is an object as it is.
    let map = input::decode::<BTreeMap<String, u8>>(Some(json!({ "value": 7 })));
    assert_eq!(map, Ok(BTreeMap::from([("value".to_owned(), 7)])));
    let error = input::decode::<u8>(None).unwrap_err().to_string();
    let expected = "the run was resumed, but its input is no `u8`: invalid type: null, expected u8";
    assert_eq!(error, expected);
}

#[test]
fn outside_of_a_flow_run_there_is_nothing_to_pause() {
    let error = pause_flow_run().pause_blocking().unwrap_err();
    assert!(matches!(error, PauseError::MissingContext(_)), "{error}");
}

#[test]
fn a_run_that_is_not_paused_here_is_unknown() {
    let id = "01a2033c-e6c3-7a73-acb4-463375b3db17".parse::<FlowRunId>().unwrap();
    let error = resume_flow_run(id).resume_blocking().unwrap_err();
    assert_eq!(error, ResumeError::Unknown { id });
}
