use super::*;
use crate::id::TaskRunId;

const ID: &str = "0190163d-8695-739b-aea5-966c26f8ad91";

/// A kind, what its message must name, and what it must say to do.
type Row = (RunErrorKind, &'static [&'static str], &'static str);

/// All kinds. What user code said is for the user code to explain; everything else says what to do.
fn kinds() -> Vec<Row> {
    let run = || "task run 'fetch-1a2'".to_owned();
    let task_run_id: TaskRunId = ID.parse().unwrap();
    let timeout = Duration::from_millis(1500);
    let failure = Failure { type_name: "Oops", message: "no such page".to_owned(), source: None };
    vec![
        (RunErrorKind::Failed { run: run(), failure }, &["'fetch-1a2'"], "no such page"),
        (
            RunErrorKind::Crashed { run: run(), message: "index out of bounds".to_owned() },
            &["'fetch-1a2'"],
            "index out of bounds",
        ),
        (
            RunErrorKind::Cancelled { run: run(), message: "its future was dropped".to_owned() },
            &["'fetch-1a2'"],
            "its future was dropped",
        ),
        (
            RunErrorKind::TimedOut { run: run(), timeout },
            &["'fetch-1a2'", "1.5 second(s)"],
            "set a longer `timeout`",
        ),
        (
            RunErrorKind::NotReady(NotReady {
                upstream: task_run_id,
                state: State::failed("no luck"),
            }),
            &[ID, "no luck"],
            "wrap the future in `allow_failure(..)`",
        ),
        (RunErrorKind::Paused { run: run() }, &["'fetch-1a2'"], "resume it"),
        (
            RunErrorKind::Unfinished { run: run(), state: "Late".to_owned() },
            &["'fetch-1a2'", "`Late`"],
            "wait for it",
        ),
        (RunErrorKind::MissingResult { run: run() }, &["'fetch-1a2'"], "persist its result"),
        (
            RunErrorKind::ReturnedState { run: run(), state: "Late".to_owned() },
            &["'fetch-1a2'", "`Late`"],
            "return one that is final",
        ),
        (
            RunErrorKind::MissingContext(MissingContext {
                context: "task run",
                call: "TaskRunContext::get",
            }),
            &["`TaskRunContext::get`", "task run"],
            "call it from a function annotated with",
        ),
        (RunErrorKind::SelfDependency { task_run_id }, &[ID], "pass its value"),
        (
            RunErrorKind::MappingLengthMismatch {
                task: "fetch",
                lengths: vec![("url", 2), ("page", 3)],
            },
            &["`fetch::map`", "`url` has 2", "`page` has 3"],
            "give iterables of one length",
        ),
        (
            RunErrorKind::MappingMissingIterable { task: "fetch" },
            &["`fetch::map`"],
            "use `fetch::submit`",
        ),
        (
            RunErrorKind::InvalidOption(InvalidOption {
                run: "fetch",
                option: "retry_jitter",
                problem: "must not be negative; it is -1".to_owned(),
            }),
            &["`retry_jitter`", "`fetch`"],
            "must not be negative",
        ),
        (
            RunErrorKind::RunName { run: "fetch", source: template_error() },
            &["`fetch`", "`who`"],
            "the parameters are `url`",
        ),
        (
            RunErrorKind::AssetKey {
                run: "save",
                template: "s3://lake/{who}".to_owned(),
                source: template_error().into(),
            },
            &["`save`", "`s3://lake/{who}`", "`who`"],
            "the parameters are `url`",
        ),
        (
            RunErrorKind::Aborted {
                run: "flow run 'load'".to_owned(),
                reason: "it has ended elsewhere; start a new run".to_owned(),
            },
            &["flow run 'load'"],
            "it has ended elsewhere",
        ),
        (
            RunErrorKind::Orchestration {
                run: "flow run 'load'".to_owned(),
                problem: "no server answers at http://a; start one".to_owned(),
            },
            &["flow run 'load'", "http://a"],
            "start one",
        ),
        (RunErrorKind::NotRepeatable { run: "fetch" }, &["`fetch`"], "declare `retries`"),
        (
            RunErrorKind::Refused {
                run: "fetch",
                reason: "its argument `page` cannot be written as JSON".to_owned(),
            },
            &["`fetch`", "`page`"],
            "cannot be written as JSON",
        ),
        (RunErrorKind::AlreadyTaken { task_run_id }, &[ID], "clone the future"),
        (RunErrorKind::WouldBlock { task_run_id }, &[ID], "`.await` the future"),
        (
            RunErrorKind::WaitTimedOut { task_run_id, timeout },
            &[ID, "1.5 second(s)"],
            "wait for it again",
        ),
        (
            RunErrorKind::FuturesUnfinished { unfinished: 1, total: 3, timeout },
            &["1 (of 3)", "1.5 second(s)"],
            "wait for them again",
        ),
    ]
}

fn template_error() -> TemplateError {
    TemplateError::UnknownParameter { field: "who".to_owned(), known: vec!["url".to_owned()] }
}

/// Says at compile time that a kind is missing in the table.
fn is_in_the_table(kind: &RunErrorKind) {
    match kind {
        RunErrorKind::Failed { .. }
        | RunErrorKind::Crashed { .. }
        | RunErrorKind::Cancelled { .. }
        | RunErrorKind::TimedOut { .. }
        | RunErrorKind::NotReady(_)
        | RunErrorKind::Paused { .. }
        | RunErrorKind::Unfinished { .. }
        | RunErrorKind::MissingResult { .. }
        | RunErrorKind::ReturnedState { .. }
        | RunErrorKind::Aborted { .. }
        | RunErrorKind::Orchestration { .. }
        | RunErrorKind::MissingContext(_)
        | RunErrorKind::SelfDependency { .. }
        | RunErrorKind::MappingLengthMismatch { .. }
        | RunErrorKind::MappingMissingIterable { .. }
        | RunErrorKind::InvalidOption(_)
        | RunErrorKind::RunName { .. }
        | RunErrorKind::AssetKey { .. }
        | RunErrorKind::NotRepeatable { .. }
        | RunErrorKind::Refused { .. }
        | RunErrorKind::AlreadyTaken { .. }
        | RunErrorKind::WouldBlock { .. }
        | RunErrorKind::WaitTimedOut { .. }
        | RunErrorKind::FuturesUnfinished { .. } => {}
    }
}

#[test]
fn every_message_names_the_thing_and_says_what_to_do() {
    let kinds = kinds();
    let mut seen = std::collections::HashSet::new();
    for (kind, names, advice) in kinds {
        is_in_the_table(&kind);
        assert!(seen.insert(std::mem::discriminant(&kind)), "{kind:?} is there twice");
        let text = RunError::from(kind).to_string();
        for name in names {
            assert!(text.contains(name), "{name} is not named: {text}");
        }
        assert!(text.contains(advice), "{advice:?} is not said: {text}");
        assert!(!text.ends_with('.'), "it may stand in a sentence: {text}");
    }
    assert_eq!(seen.len(), 24, "a row for each kind");
}
