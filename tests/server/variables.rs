//! Variables: shared with everybody who talks to the server.

use context::prelude::*;
use context::variables::{self, VariableError};
use prefect_server::PrefectServer;
use serde_json::{Value, json};

use crate::support::{under, under_blocking};

#[flow(name = "variables: all there is")]
async fn all_there_is() -> Result<(), VariableError> {
    assert_eq!(variables::get("server-v").await?, None);
    assert_eq!(variables::get_or("server-v", 7).await?, 7);
    variables::set("server-v", json!({ "a": 1 })).tags(["x"]).await?;
    let refused = variables::set("server-v", 7).await;
    assert_eq!(refused, Err(VariableError::Exists { name: "server-v".to_owned() }));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_is_the_servers() {
    let Some(server) = PrefectServer::shared() else { return };
    under(server, all_there_is).await.unwrap();
    let known = server.get("/variables/name/server-v");
    assert_eq!((&known["value"], &known["tags"]), (&json!({ "a": 1 }), &json!(["x"])));

    under(server, || async {
        variables::set("server-v", Value::Null).overwrite(true).await.unwrap();
        assert_eq!(variables::get("server-v").await, Ok(Some(Value::Null)));
        assert_eq!(variables::unset("server-v").await, Ok(true));
        assert_eq!(variables::unset("server-v").await, Ok(false));
    })
    .await;
    assert_eq!(server.request("GET", "/variables/name/server-v", None).status, 404);
}

#[test]
fn plain_functions_set_and_get_them_too() {
    let Some(server) = PrefectServer::shared() else { return };
    under_blocking(server, || {
        variables::set("server_sync", "a").set_blocking().unwrap();
        assert_eq!(variables::get_as_blocking::<String>("server_sync"), Ok(Some("a".to_owned())));
        assert_eq!(variables::unset_blocking("server_sync"), Ok(true));
    });
}
