use context_client::schema::{VariableCreate, VariableFilter, VariableUpdate};
use serde_json::{Value, json};

use crate::{shared, texts, unique};

fn variable(name: &str, value: Value) -> VariableCreate {
    VariableCreate { name: name.to_owned(), value, tags: texts(&["t"]) }
}

#[tokio::test]
async fn a_variable_keeps_any_json() {
    let Some(client) = shared() else { return };
    for value in [
        json!("text"),
        json!(7),
        json!(0.5),
        json!(true),
        json!([1, "a"]),
        json!({ "a": null }),
        Value::Null,
    ] {
        let name = unique("kept").replace('-', "_");
        let created = client.create_variable(&variable(&name, value.clone())).await.unwrap();
        assert_eq!((&created.value, created.tags), (&value, texts(&["t"])));
        let read = client.read_variable_by_name(&name).await.unwrap().unwrap();
        assert_eq!((read.id, read.value), (created.id, value));
    }
}

#[tokio::test]
async fn a_variable_is_created_changed_and_deleted() {
    let Some(client) = shared() else { return };
    let name = unique("life").replace('-', "_");
    assert_eq!(client.read_variable_by_name(&name).await.unwrap(), None);
    client.create_variable(&variable(&name, json!(1))).await.unwrap();
    let err = client.create_variable(&variable(&name, json!(2))).await.unwrap_err();
    assert!(err.is_conflict(), "{err}");

    let update = VariableUpdate { value: Some(Value::Null), tags: Some(Vec::new()), name: None };
    client.update_variable(&name, &update).await.unwrap();
    let changed = client.read_variable_by_name(&name).await.unwrap().unwrap();
    assert_eq!((changed.value, changed.tags), (Value::Null, Vec::new()));
    let found = client.read_variables(VariableFilter::new().names([&name])).await.unwrap();
    assert_eq!(found.len(), 1);

    client.delete_variable(&name).await.unwrap();
    assert!(client.delete_variable(&name).await.unwrap_err().is_not_found());
    assert!(client.update_variable(&name, &update).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn what_is_not_allowed_is_said() {
    let Some(client) = shared() else { return };
    let err = client.create_variable(&variable("Not OK", json!(1))).await.unwrap_err();
    assert_eq!(err.status(), Some(422));
    assert!(err.to_string().contains("body.name"), "{err}");
    let long = json!("s3cret".repeat(1000));
    let err = client.create_variable(&variable(&unique("long"), long)).await.unwrap_err();
    assert_eq!(err.status(), Some(422));
    assert!(err.to_string().contains("body.value") && !err.to_string().contains("s3cret"), "{err}");
}
