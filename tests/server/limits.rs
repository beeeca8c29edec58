//! Limits of the server: held for everybody, given back, and told.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use context::prelude::*;
use context::{ConcurrencyError, concurrency, rate_limit};
use futures::FutureExt as _;
use prefect_server::PrefectServer;
use serde_json::{Value, json};

use crate::support::{Known, events, flow_run, text, under, under_blocking, until};

/// Makes a limit, and gives its id.
fn limit(server: &PrefectServer, name: &str, limit: u32, decay: f64) -> String {
    let body = json!({ "name": name, "limit": limit, "slot_decay_per_second": decay });
    text(&server.post("/v2/concurrency_limits/", &body)["id"]).to_owned()
}

fn active(server: &PrefectServer, name: &str) -> u64 {
    server.get(&format!("/v2/concurrency_limits/{name}"))["active_slots"].as_u64().unwrap()
}

/// What is told of the two runs of a test that hold the limit one after the other, in order. The server itself tells
/// that there is a limit.
async fn told_of_slots(server: &PrefectServer, limit: &str) -> Vec<Value> {
    let mut told = events(server, &format!("prefect.concurrency-limit.{limit}"), 5).await;
    told.sort_by_key(|event| text(&event["occurred"]).to_owned());
    assert_eq!(told.remove(0)["event"], "prefect.concurrency-limit.created");
    told
}

static INSIDE: AtomicU32 = AtomicU32::new(0);

#[task]
async fn works() -> Result<(), ConcurrencyError> {
    let work = async {
        assert_eq!(INSIDE.fetch_add(1, SeqCst), 0, "there is one slot");
        tokio::time::sleep(Duration::from_millis(20)).await;
        INSIDE.fetch_sub(1, SeqCst);
    };
    concurrency("server-db", 1).strict().scope(work).await
}

#[flow(name = "limits: one slot")]
async fn one_slot() -> Result<(), RunError> {
    let (first, second) = (works::submit(), works::submit());
    first.await?;
    second.await
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_are_those_of_the_server_and_are_given_back() {
    let Some(server) = PrefectServer::shared() else { return };
    let id = limit(server, "server-db", 1, 0.0);
    let state = under(server, one_slot::state).await;
    state.clone().result().unwrap();
    until("the slots are free", || active(server, "server-db") == 0).await;

    let told = told_of_slots(server, &id).await;
    let names: Vec<_> = told.iter().map(|event| text(&event["event"])).collect();
    let (acquired, released) =
        ("prefect.concurrency-limit.acquired", "prefect.concurrency-limit.released");
    assert_eq!(names, [acquired, released, acquired, released]);
    assert_eq!(told[1]["follows"], told[0]["id"]);
    assert_eq!(
        told[0]["resource"],
        json!({
            "prefect.resource.id": format!("prefect.concurrency-limit.{id}"),
            "prefect.resource.name": "server-db", "slots-acquired": "1", "limit": "1",
        })
    );
    let known = Known::new(server, flow_run(&state));
    let is_run = |related: &Value| {
        related["prefect.resource.id"] == json!(format!("prefect.flow-run.{}", known.id))
    };
    assert!(told[0]["related"].as_array().unwrap().iter().any(is_run), "{:#}", told[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_leaves_nothing_behind() {
    let Some(server) = PrefectServer::shared() else { return };
    limit(server, "server-gone", 1, 0.0);
    under(server, || async {
        // Dropped while it is on its way: what is given is given back.
        for _ in 0..3 {
            drop(Box::pin(concurrency("server-gone", 1).acquire()).now_or_never());
        }
        let held = concurrency("server-gone", 1).acquire().await.unwrap();
        assert!(held.names().eq(["server-gone"]));
        let began = Instant::now();
        let patience = Duration::from_millis(200);
        let late = concurrency("server-gone", 1).timeout(patience).acquire().await.unwrap_err();
        assert!(late.is_timeout() && began.elapsed() < Duration::from_secs(20), "{late}");
        drop(held);
        drop(concurrency("server-gone", 1).acquire().await.unwrap());
    })
    .await;
    until("nothing is held", || active(server, "server-gone") == 0).await;
}

#[test]
fn what_cannot_be_had_is_an_error_that_says_why() {
    let Some(server) = PrefectServer::shared() else { return };
    limit(server, "server-small", 2, 0.0);
    let text = |error: ConcurrencyError| error.to_string();
    under_blocking(server, || {
        let many = concurrency("server-small", 3).in_scope(|| ()).unwrap_err();
        assert_eq!(
            text(many),
            "3 slots of the concurrency limit `server-small` can never be had: it has 2"
        );
        let strict = concurrency(["server-small", "server-none"], 1).strict();
        assert_eq!(
            text(strict.in_scope(|| ()).unwrap_err()),
            "the server has no concurrency limit `server-none`; \
             make it with `prefect gcl create server-none --limit 1`"
        );
        let rate = rate_limit("server-small", 1).acquire_blocking().unwrap_err();
        assert!(text(rate).contains("do not come back by themselves"));
        // One that is not there does not limit.
        assert_eq!(concurrency("server-none", 7).in_scope(|| 3), Ok(3));
        assert_eq!(concurrency("server-small", 0).in_scope(|| 4), Ok(4));
    });
    let began = Instant::now();
    while active(server, "server-small") > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "the strict one was given back");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spent_slots_come_back_by_themselves() {
    let Some(server) = PrefectServer::shared() else { return };
    limit(server, "server-rate", 2, 10.0);
    under(server, || async {
        for _ in 0..4 {
            rate_limit("server-rate", 1).strict().await.unwrap();
        }
    })
    .await;
}

#[task(tags = ["server-gpu"])]
async fn on_the_card() {
    assert_eq!(ON_THE_CARD.fetch_add(1, SeqCst), 0, "there is one slot");
    tokio::time::sleep(Duration::from_millis(20)).await;
    ON_THE_CARD.fetch_sub(1, SeqCst);
}

static ON_THE_CARD: AtomicU32 = AtomicU32::new(0);

#[flow(name = "limits: of a tag")]
async fn of_a_tag() -> Result<(), RunError> {
    let (first, second) = (on_the_card::submit(), on_the_card::submit());
    first.await?;
    second.await
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_limited_tag_hold_its_slots_and_tell() {
    let Some(server) = PrefectServer::shared() else { return };
    let tag = json!({ "tag": "server-gpu", "concurrency_limit": 1 });
    let id = text(&server.post("/concurrency_limits/", &tag)["id"]).to_owned();
    let state = under(server, of_a_tag::state).await;
    state.clone().result().unwrap();
    let told = told_of_slots(server, &id).await;
    let known = Known::new(server, flow_run(&state));
    let runs: Vec<String> = known
        .task_runs()
        .iter()
        .map(|run| format!("prefect.task-run.{}", text(&run["id"])))
        .collect();
    for event in &told {
        let related = event["related"].as_array().unwrap();
        assert!(
            related.iter().any(|it| runs.contains(&text(&it["prefect.resource.id"]).to_owned()))
        );
        assert_eq!(event["resource"]["prefect.resource.name"], "tag:server-gpu");
    }
}
