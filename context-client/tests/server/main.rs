//! The client against a real Prefect server: what is written is read back.
//!
//! Most tests share a server and use names of their own. See the crate `prefect-server` for where it comes from.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![expect(clippy::disallowed_methods, reason = "nothing here knows of an ambient context")]

mod access;
mod artifacts;
mod blocking;
mod concurrency;
mod deployments;
mod events;
mod flow_runs;
mod flows;
mod logs;
mod outage;
mod task_runs;
mod variables;

use std::time::{Duration, Instant};

use context_client::schema::{FlowRun, FlowRunCreate, JsonObject, StateCreate, StateType};
use context_client::{ApiError, ClientConfig, PrefectClient};
use prefect_server::PrefectServer;
use uuid::Uuid;

/// A client of the shared server; `None` if there is none, which is said elsewhere.
fn shared() -> Option<PrefectClient> {
    PrefectServer::shared().map(client)
}

fn client(server: &PrefectServer) -> PrefectClient {
    PrefectClient::new(ClientConfig::new(server.api_url()).unwrap()).unwrap()
}

/// An id that nobody else has.
fn new_id() -> Uuid {
    Uuid::new_v4()
}

/// A name that nobody else has.
fn unique(name: &str) -> String {
    format!("{name}-{}", new_id().simple())
}

/// A flow run of a new flow, in the state `Running`.
async fn running(client: &PrefectClient, flow: &str) -> FlowRun {
    let flow = client.create_flow(&unique(flow), &[]).await.unwrap();
    let run = client.create_flow_run(&FlowRunCreate::new(flow.id)).await.unwrap();
    let state = StateCreate::new(StateType::Running);
    client.set_flow_run_state(run.id, &state, false).await.unwrap();
    client.read_flow_run(run.id).await.unwrap()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn object(value: serde_json::Value) -> JsonObject {
    serde_json::from_value(value).unwrap()
}

/// Asks until the answer is there: the server stores events and logs some time after it has taken them.
async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>, ApiError>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await.unwrap_or_else(|err| panic!("{what}: {err}")) {
            return answer;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{what} is not there after 30 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
