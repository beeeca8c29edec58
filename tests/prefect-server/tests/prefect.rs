//! Prefect's own client through the proxy: it notices nothing, and what is recorded is what the transcript says.

use std::path::Path;

use prefect_server::compare::{assert_same, ours, prefects};
use prefect_server::{PrefectServer, RecordingProxy, python_command};

#[test]
fn prefect_says_again_what_it_said_before() {
    let (Some(server), Some(mut python)) = (PrefectServer::shared(), python_command()) else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let proxy = RecordingProxy::start(server);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/two_tasks.py");
    python.arg(script).env("PREFECT_HOME", home.path()).env("PREFECT_API_URL", proxy.api_url());
    let output = python.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");

    assert!(proxy.requests().iter().all(|request| request.status.is_some()));
    assert_same(&prefects("01-flow-two-tasks"), &ours(&proxy), &[]);
}
