//! Failures and retries in the log: told in other words, but told, by the same logger, of the same run.

use prefect_server::compare::{Difference, Message, Side};
use serde_json::{Value, json};

/// A line that says what went wrong, or what follows from it.
#[derive(Debug, PartialEq)]
enum Line {
    /// An attempt was in vain, and so was the run: Prefect says so before it says how the run has ended.
    Failure,
    /// An attempt was in vain, and there will be another one.
    Retry {
        level: u64,
        why: String,
    },
    /// Prefect proposed the end of a flow run, and is told that there is another attempt.
    Refused,
    /// Another attempt begins.
    Again,
    Other,
}

/// What a line of either side is.
fn line(message: &Message) -> Line {
    let text = message.body["message"].as_str().unwrap_or_default();
    let level = message.body["level"].as_u64().unwrap_or_default();
    let starts = |start: &str| text.starts_with(start);
    if !message.head().starts_with("log prefect.") {
        return Line::Other;
    }
    // Prefect's, then ours.
    if let Some((error, retry)) = text.split_once(" - Retry ") {
        let error = error.strip_prefix("Task run failed with exception: ").unwrap();
        return Line::Retry { level, why: format!("{}, {}", in_our_form(error), number(retry)) };
    }
    if let Some((error, retry)) = text.split_once(". Retry ") {
        let error = error.split_once(" encountered an exception").unwrap().1;
        let why = format!("{}, {}", error.trim_start_matches([':', ' ']), number(retry));
        return Line::Retry { level, why };
    }
    if starts("Task run failed with exception: ")
        || starts("Encountered exception during execution: ")
        || starts("Crash detected!")
    {
        assert_eq!(level, 40, "{text}");
        return Line::Failure;
    }
    if starts("Received non-final state 'AwaitingRetry'") {
        return Line::Refused;
    }
    if starts("Retry ") && text.ends_with(" begins") { Line::Again } else { Line::Other }
}

/// `ValueError: no`, of Python's `ValueError('no')`.
fn in_our_form(error: &str) -> String {
    let error = error.lines().next().unwrap_or_default();
    let parts = error.strip_suffix("')").and_then(|error| error.split_once("('"));
    let (of_type, text) = parts.unwrap_or_else(|| panic!("{error} is no exception of Python"));
    format!("{of_type}: {text}")
}

/// Which retry of how many, and whether it is waited for.
fn number(retry: &str) -> String {
    let (number, when) = retry.split_once(" will start ").unwrap();
    let when = if when == "immediately" { "at once" } else { "later" };
    format!("retry {number} {when}")
}

/// Whose line it is.
fn whose(message: &Message) -> [Value; 3] {
    let of = |key: &str| message.body[key].clone();
    [json!(message.head()), of("flow_run_id"), of("task_run_id")]
}

/// What went wrong is told in words of our own, without a traceback, and once for each run. That it is told, by which
/// logger, of which run, how seriously and why, is the same, but for a retry, which is `INFO` there and `WARN` here.
pub(super) fn failures_in_other_words() -> Difference {
    Difference::new("failures are logged in other words", Side::Both, |messages| {
        let mut at = 0;
        while at < messages.len() {
            if is_told_otherwise(messages, at) {
                messages.remove(at);
            } else {
                at += 1;
            }
        }
        name_attempts(messages);
    })
}

/// Brings the line at `at` into a common form. True if another line has said, or says, all that there is in it.
fn is_told_otherwise(messages: &mut [Message], at: usize) -> bool {
    let of_flow = messages[at].head() == "log prefect.flow_runs";
    match line(&messages[at]) {
        Line::Failure => {
            let whose_line = whose(&messages[at]);
            let next = (at + 1..messages.len()).find(|next| whose(&messages[*next]) == whose_line);
            let next = next.unwrap_or_else(|| panic!("nothing follows {:#?}", messages[at]));
            if line(&messages[next]) == Line::Refused {
                let error = messages[at].body["message"].as_str().unwrap();
                let why = in_our_form(error.split_once(": ").unwrap().1);
                retried(&mut messages[next], &why);
            } else {
                // How the run ends is said on both sides, and compared as it is.
                let end = messages[next].body["message"].as_str().unwrap();
                assert!(end.starts_with("Finished in state "), "{:#?}, then {end}", messages[at]);
            }
            true
        }
        Line::Retry { level, why } => {
            let text = messages[at].body["message"].as_str().unwrap();
            assert_eq!(level, if text.contains(" - Retry ") { 20 } else { 30 }, "{text}");
            // Prefect does not say of flows which retry it is.
            let why = if of_flow { why.split(", retry ").next().unwrap() } else { &why };
            retried(&mut messages[at], why);
            false
        }
        Line::Again if of_flow => {
            messages[at].body["message"] = json!(AGAIN);
            false
        }
        // A task of Prefect does not say that it begins again.
        Line::Again => true,
        Line::Refused | Line::Other => false,
    }
}

const AGAIN: &str = "<another attempt>";

fn retried(message: &mut Message, why: &str) {
    message.body["message"] = json!(format!("<retried: {why}>"));
    message.body["level"] = json!(30);
}

/// A flow run of Prefect begins its other attempts as it did the first.
fn name_attempts(messages: &mut [Message]) {
    let mut begun = Vec::new();
    for message in messages.iter_mut().filter(|it| it.head() == "log prefect.flow_runs") {
        let text = message.body["message"].as_str().unwrap_or_default();
        if text.starts_with("Beginning flow run") {
            let run = message.body["flow_run_id"].clone();
            if begun.contains(&run) {
                message.body["message"] = json!(AGAIN);
            } else {
                begun.push(run);
            }
        }
    }
}
