//! Limits of the server: of names, of a rate, of a tag.

use std::sync::OnceLock;
use std::time::Duration;

use context::prelude::*;
use context::{AsyncClientContext, concurrency, rate_limit};
use context_client::schema::GlobalConcurrencyLimitCreate;
use prefect_server::compare::{Difference, Side, assert_same, prefects};

use super::{and, said, unique, untracked_results, version_of_the_function};

/// The names of a limit, of a rate and of a tag. The flow has no parameters.
static NAMES: OnceLock<[String; 3]> = OnceLock::new();

/// What they are called in the scenario.
const STEMS: [&str; 3] = ["wire-gcl", "wire-rate", "wire-lim"];

#[task]
async fn t() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[flow(name = "wire-m")]
async fn limited() -> Result<(), anyhow::Error> {
    let [limit, rate, tag] = NAMES.get().unwrap();
    concurrency(limit, 1).scope(tokio::time::sleep(Duration::from_millis(100))).await?;
    concurrency("does-not-exist", 1).scope(async {}).await?;
    rate_limit(rate, 1).await?;
    let runs = [(); 2].map(|()| t::with_options().tags([tag]).submit());
    for run in runs {
        run.await?;
    }
    Ok(())
}

/// Makes the limits, and runs the flow.
async fn program() -> Result<(), anyhow::Error> {
    let [limit, rate, tag] = NAMES.get().unwrap();
    let client = AsyncClientContext::get_or_create();
    let api = client.client().server().unwrap().api().clone();
    let create = |name: &String, limit, decay| GlobalConcurrencyLimitCreate {
        name: name.clone(),
        limit,
        active: None,
        active_slots: None,
        slot_decay_per_second: decay,
    };
    api.create_global_concurrency_limit(&create(limit, 1, None)).await?;
    api.create_global_concurrency_limit(&create(rate, 5, Some(5.0))).await?;
    api.create_concurrency_limit(tag, 1).await?;
    limited().await
}

#[tokio::test]
async fn scenario_16_limits() {
    let names = NAMES.get_or_init(|| STEMS.map(unique));
    let Some((done, said)) = said(program).await else { return };
    done.unwrap();
    let said = names.iter().zip(STEMS).fold(said, |said, (name, stem)| said.replacing(name, stem));
    const TAKE: &str = "POST /v2/concurrency_limits/increment-with-lease";
    let differences = and([
        version_of_the_function(),
        Difference::one_event_for_a_short_task(),
        untracked_results(),
        Difference::only_prefect_sends(
            "a lease is renewed when it ends soon",
            "POST /v2/concurrency_limits/leases/*/renew",
        ),
        Difference::new(
            "how often slots are asked for is a matter of time",
            Side::Ours,
            |messages| {
                messages.retain(|it| it.head() != TAKE || !it.outcome.starts_with("423"));
            },
        ),
        Difference::new(
            "that there is no such limit is said in other words",
            Side::Both,
            |messages| {
                for message in messages.iter_mut().filter(|it| it.body["level"] == 30) {
                    let text = message.body["message"].as_str().unwrap();
                    assert!(text.contains("does-not-exist"), "{text}");
                    message.body["message"] = "<there is no limit does-not-exist>".into();
                }
            },
        ),
        Difference::left_out("prefect.concurrency-limit.acquired", |message| {
            message.body["resource"]["prefect.resource.name"] == "tag:wire-lim"
        }),
    ]);
    assert_same(&prefects("16-concurrency-limits"), &said, &differences);
}
