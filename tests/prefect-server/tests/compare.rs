//! The comparison, on the transcripts themselves: it sees nothing of what is left to chance, and misses nothing else.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::panic::catch_unwind;

use prefect_server::compare::{Conversation, Difference, Side, assert_same, prefects, transcript};
use serde_json::Value;

const SCENARIOS: [&str; 15] = [
    "01-flow-two-tasks",
    "02-task-failure",
    "03-task-retries",
    "04-flow-retries",
    "05-subflow",
    "06-flow-crashed-sigint",
    "07-flow-cancelled",
    "08-logs",
    "09-assets",
    "10-artifacts-variables",
    "16-concurrency-limits",
    "17-custom-event",
    "18-pause-resume",
    "19-cache-hit",
    "21-handbuilt-graph",
];

/// The scenario as it might have gone another time: with other ids, times and names, and with the events later.
fn another_time(scenario: &str) -> Value {
    let mut text = transcript(scenario).to_string();
    let mut number = 0x1234_5678_u32;
    while let Some((start, length)) = first_name(&text) {
        number = number.wrapping_mul(2_654_435_761).wrapping_add(1);
        let id =
            format!("{number:08x}-{:04x}-4{:03x}-8000-0123456789ab", number >> 16, number & 0xfff);
        let name = text[start..start + length].to_owned();
        // The end of a run's name is the beginning of its key.
        for end in ['"', '\''] {
            text = text.replace(&format!("-{name}{end}"), &format!("-{}{end}", &id[..3]));
        }
        text = text.replace(&name, &id);
    }
    text = text.replace("2026-11-22T1", "2031-02-03T0");
    for (name, other) in [("tungsten-malkoha", "loud-owl"), ("acoustic-mamba", "quiet-owl")] {
        text = text.replace(name, other);
    }
    let entries: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (frames, requests): (Vec<Value>, Vec<Value>) =
        entries.into_iter().partition(|entry| entry.get("websocket").is_some());
    requests.into_iter().chain(frames).collect()
}

/// Where the first name of an id is, such as `{flow-run-1}`.
fn first_name(text: &str) -> Option<(usize, usize)> {
    text.match_indices('{').find_map(|(start, _)| {
        let name = text[start + 1..].split('}').next()?;
        let is_name = name.starts_with(|letter: char| letter.is_ascii_lowercase())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        is_name.then_some((start, name.len() + 2))
    })
}

#[test]
fn a_scenario_is_the_same_another_time() {
    for scenario in SCENARIOS {
        let other = another_time(scenario);
        assert_ne!(other, transcript(scenario));
        assert_same(&prefects(scenario), &Conversation::from_json(&other), &[]);
    }
}

#[test]
fn a_transcript_that_is_written_again_is_the_same() {
    for scenario in SCENARIOS {
        let (first, other) = (prefects(scenario), Conversation::from_json(&another_time(scenario)));
        let written: Value = serde_json::from_str(&first.to_json()).unwrap();
        assert_eq!(written, transcript(scenario), "{scenario}");
        let other: Value = serde_json::from_str(&other.to_json()).unwrap();
        assert_same(&first, &Conversation::from_json(&other), &[]);
    }
}

#[test]
fn nothing_is_left_to_chance() {
    for scenario in SCENARIOS {
        let text = prefects(scenario).text();
        assert_eq!(first_name(&text), None, "{scenario}");
        for word in text.split(|letter: char| !letter.is_ascii_alphanumeric()) {
            let is_hash = word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(!is_hash && word != "2026", "{scenario}: {word}");
        }
    }
}

#[test]
fn whatever_is_left_out_is_missed() {
    for scenario in ["01-flow-two-tasks", "05-subflow", "09-assets"] {
        let entries = transcript(scenario).as_array().unwrap().clone();
        for missing in 0..entries.len() {
            let mut fewer = entries.clone();
            let entry = fewer.remove(missing);
            let text = Conversation::from_json(&Value::Array(fewer)).text();
            assert_ne!(text, prefects(scenario).text(), "{scenario} without {entry}");
        }
    }
}

#[test]
fn a_conversation_is_readable() {
    insta::assert_snapshot!(prefects("02-task-failure").text());
}

/// The text of the panic that `compare` ends in.
fn complaint(compare: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(compare).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn a_difference_is_shown_where_it_is() {
    let mut other = another_time("02-task-failure");
    other[1]["body"]["parameters"] = serde_json::json!({"n": 5});
    let complaint = complaint(move || {
        assert_same(&prefects("02-task-failure"), &Conversation::from_json(&other), &[]);
    });
    let lines: Vec<&str> = complaint.lines().filter(|line| !line.starts_with(' ')).collect();
    let expected =
        ["we do not say what Prefect says (-), but something else (+):", "+     parameters.n = 5"];
    assert_eq!(lines, expected, "{complaint}");
}

/// What we would have said in the scenario: the end of each task run alone, no reads, and a field of our own.
fn ours_might_be(scenario: &str) -> Conversation {
    let mut entries = another_time(scenario);
    let entries = entries.as_array_mut().unwrap();
    entries.retain(|entry| {
        let event = entry["client"]["event"].as_str().unwrap_or_default();
        let request = entry["request"].as_str().unwrap_or_default();
        !event.ends_with(".Pending") && !event.ends_with(".Running") && !request.starts_with("GET ")
    });
    for entry in entries.iter_mut() {
        if let Some(event) =
            entry["client"].as_object_mut().filter(|event| event.contains_key("payload"))
        {
            event.remove("follows");
            event["payload"]["task_run"]["labels"] = serde_json::json!({"runtime": "native"});
            event["payload"]["task_run"]["run_count"] = Value::from(7);
        }
    }
    Conversation::from_json(&Value::Array(entries.clone()))
}

fn differences() -> Vec<Difference> {
    vec![
        Difference::one_event_for_a_short_task(),
        Difference::only_prefect_sends("reads what it knows", "GET *"),
        Difference::only_we_say("labels", "event prefect.task-run.*", "payload/task_run/labels"),
        Difference::said_otherwise("counts", "event prefect.task-run.*", "payload/*/run_count"),
    ]
}

#[test]
fn differences_that_are_listed_are_no_differences() {
    let (theirs, ours) = (prefects("01-flow-two-tasks"), ours_might_be("01-flow-two-tasks"));
    assert_same(&theirs, &ours, &differences());
    for (left_out, difference) in differences().iter().enumerate() {
        let mut fewer = differences();
        fewer.remove(left_out);
        let compare = std::panic::AssertUnwindSafe(|| assert_same(&theirs, &ours, &fewer));
        assert!(catch_unwind(compare).is_err(), "{difference:?} was not needed");
    }
}

#[test]
fn a_difference_that_is_not_there_is_not_to_be_listed() {
    let complaint = complaint(|| {
        let scenario = "02-task-failure";
        let other = Conversation::from_json(&another_time(scenario));
        assert_same(&prefects(scenario), &other, &[Difference::only_we_send("pings", "PING *")]);
    });
    assert_eq!(complaint, "the difference \"pings\" is listed, but is not there");
}

#[test]
fn some_differences_are_of_order_and_number_and_of_ones_own() {
    let scenario = "10-artifacts-variables";
    let mut entries = another_time(scenario).as_array().unwrap().clone();
    let created = |entry: &Value| entry["client"]["event"] == "prefect.artifact.created";
    let first = entries.iter().position(created).unwrap();
    entries[first].as_object_mut().unwrap().remove("more_like_it");
    let again = entries[first].clone();
    entries.insert(first, again);
    let (one, two) = (0, 1);
    assert_eq!(entries[one]["request"], "POST /flows/");
    assert_eq!(entries[two]["request"], "POST /flow_runs/");
    entries.swap(one, two);
    let ours = Conversation::from_json(&Value::Array(entries));
    assert_same(
        &prefects(scenario),
        &ours,
        &[
            Difference::folded("each artifact is told", "event prefect.artifact.created"),
            Difference::in_any_order("what comes first", "POST /flow*s/"),
            Difference::new("the verdict", Side::Prefects, |messages| {
                messages.last_mut().unwrap().outcome.push_str("said");
            }),
            Difference::new("the verdict again", Side::Ours, |messages| {
                messages.last_mut().unwrap().outcome.push_str("said");
            }),
        ],
    );
}

#[test]
fn what_varies_with_the_machine_is_replaced() {
    let entry = serde_json::json!([{"request": "POST /x", "body": {"path": "/tmp/a/storage/k"}}]);
    let text = Conversation::from_json(&entry).replacing("/tmp/a", "$PREFECT_HOME").text();
    assert_eq!(text, "POST /x\n    path = \"$PREFECT_HOME/storage/k\"\n  -> no answer");
}
