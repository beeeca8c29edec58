//! Pauses: resumed, resumed with what was asked for, not resumed in time.

use std::time::Duration;

use context::prelude::*;
use context::{PauseError, pause_flow_run, resume_flow_run};
use prefect_server::compare::{Difference, Side, assert_same, prefects};
use prefect_server::{PrefectServer, Record, RecordingProxy};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{and, kept_exception, said_through, untracked_results, version_of_the_function};
use crate::support::{Begun, until};

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Ask {
    name: String,
    age: i64,
}

impl Default for Ask {
    fn default() -> Self {
        Self { name: "x".to_owned(), age: 3 }
    }
}

static BEGUN: Begun = Begun::new();

#[task]
async fn t() -> u64 {
    1
}

#[flow(name = "wire-o")]
async fn paused() -> Result<Ask, PauseError> {
    BEGUN.note();
    let limit = Duration::from_secs(30);
    t().await;
    pause_flow_run().timeout(limit).await?;
    t().await;
    pause_flow_run().timeout(limit).wait_for_input::<Ask>().description("who?").await
}

#[flow(name = "wire-o-timeout")]
async fn not_resumed() -> Result<(), PauseError> {
    pause_flow_run().timeout(Duration::from_secs(2)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_18_pauses() {
    let Some(server) = PrefectServer::shared() else { return };
    let proxy = RecordingProxy::start(server);
    let resume = async {
        let known = BEGUN.paused(server, 1).await;
        resume_flow_run(known.id).await.unwrap();
        let known = BEGUN.paused(server, 2).await;
        let is_last = |record: &Record| match record {
            Record::Request(request) => request.method == "DELETE",
            Record::Frame(_) => false,
        };
        until("the form is there", || proxy.records().iter().any(is_last)).await;
        resume_flow_run(known.id).run_input(json!({ "name": "bob", "age": 5 })).await.unwrap();
    };
    let program = || async {
        let (asked, ()) = futures::join!(paused(), resume);
        (asked, not_resumed().await)
    };
    let ((asked, late), said) = said_through(&proxy, program).await;
    assert_eq!(asked, Ok(Ask { name: "bob".to_owned(), age: 5 }));
    assert!(late.unwrap_err().is_timeout());
    let differences = and([
        version_of_the_function(),
        Difference::one_event_for_a_short_task(),
        untracked_results(),
        kept_exception(),
        Difference::new("whether it is still paused is looked at", Side::Ours, |messages| {
            messages.retain(|message| message.head() != "GET /flow_runs/<flow-run>");
        }),
        Difference::new(
            "a form has the names of fields, and formats of numbers",
            Side::Both,
            |messages| {
                let schemas = messages.iter_mut().filter(|it| it.body["key"] == "paused-2-schema");
                for message in schemas {
                    let text = message.body["value"].as_str().unwrap();
                    let mut schema: Value = serde_json::from_str(text).unwrap();
                    for field in schema["properties"].as_object_mut().unwrap().values_mut() {
                        let field = field.as_object_mut().unwrap();
                        field.retain(|key, _| !matches!(key.as_str(), "title" | "format"));
                    }
                    message.body["value"] = schema;
                }
            },
        ),
        Difference::only_we_send(
            "what an attempt before was given does not count",
            "DELETE /flow_runs/*/input/paused-2-response",
        ),
        Difference::said_otherwise(
            "the error has a name and words of its own",
            "POST /flow_runs/*/set_state",
            "state/message",
        ),
        Difference::new("the end of the transcript is missing", Side::Ours, |messages| {
            messages.retain(|message| {
                let text = message.body["message"].as_str().unwrap_or_default();
                !text.contains("The flow was failed and never resumed.")
            });
        }),
    ]);
    assert_same(&prefects("18-pause-resume"), &said, &differences);
}
