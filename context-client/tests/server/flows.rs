use context_client::schema::{FlowCreate, FlowFilter, Query, Sort};
use serde_json::json;

use crate::{new_id, object, shared, texts, unique};

#[tokio::test]
async fn a_flow_is_registered_once() {
    let Some(client) = shared() else { return };
    let name = unique("with space/and slash").replace('/', "+");
    let flow = client.create_flow(&name, &texts(&["a", "b"])).await.unwrap();
    assert_eq!((flow.name.as_str(), &flow.tags), (name.as_str(), &texts(&["a", "b"])));
    assert!(flow.created.is_some());

    let again = client.create_flow(&name, &[]).await.unwrap();
    assert_eq!((again.id, &again.tags), (flow.id, &flow.tags));
    assert_eq!(client.read_flow(flow.id).await.unwrap(), flow);
    assert_eq!(client.read_flow_by_name(&name).await.unwrap().id, flow.id);

    client.delete_flow(flow.id).await.unwrap();
    let err = client.read_flow(flow.id).await.unwrap_err();
    assert!(err.is_not_found() && err.to_string().contains("Flow not found"), "{err}");
    assert!(client.read_flow_by_name(&name).await.unwrap_err().is_not_found());
    assert!(client.delete_flow(new_id()).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn flows_are_found_by_names_and_tags() {
    let Some(client) = shared() else { return };
    let (prefix, tag) = (unique("found"), unique("tag"));
    for (name, tags) in [("a", vec![tag.clone()]), ("b", vec![tag.clone()]), ("c", Vec::new())] {
        client.create_flow(&format!("{prefix}-{name}"), &tags).await.unwrap();
    }
    let names = async |query: Query| -> Vec<String> {
        let flows = client.read_flows(query).await.unwrap();
        flows.iter().map(|flow| flow.name.rsplit('-').next().unwrap().to_owned()).collect()
    };
    let like = || Query::from(FlowFilter::new().name_like(&prefix));
    assert_eq!(names(like().sort(Sort::NameAsc)).await, ["a", "b", "c"]);
    assert_eq!(names(like().sort(Sort::NameDesc).limit(2)).await, ["c", "b"]);
    assert_eq!(names(like().sort(Sort::NameAsc).offset(2)).await, ["c"]);
    assert_eq!(names(FlowFilter::new().tags_all([&tag]).into()).await, ["a", "b"]);
    let one = FlowFilter::new().tags_all([&tag]).names([format!("{prefix}-b")]);
    assert_eq!(names(one.into()).await, ["b"]);
    let untagged = FlowFilter::new().name_like(&prefix).with("tags", json!({ "is_null_": true }));
    assert_eq!(names(untagged.into()).await, ["c"]);
}

#[tokio::test]
async fn labels_are_kept() {
    let Some(client) = shared() else { return };
    let labels = object(json!({ "team": "a", "size": 3, "ratio": 0.5, "new": true }));
    let name = unique("labels");
    let flow = FlowCreate { name, tags: Vec::new(), labels: labels.clone() };
    assert_eq!(client.create_flow_with(&flow).await.unwrap().labels, labels);
}

#[tokio::test]
async fn what_is_not_understood_is_said() {
    let Some(client) = shared() else { return };
    let text = async |query: Query| client.read_flows(query).await.unwrap_err().to_string();
    let unknown = text(FlowFilter::new().with("colour", json!({})).into()).await;
    assert!(unknown.contains("422"), "{unknown}");
    assert!(unknown.contains("body.flows.colour: Extra inputs are not permitted"), "{unknown}");
    let too_many = text(Query::new().limit(201)).await;
    assert!(too_many.contains("422") && too_many.contains("200"), "{too_many}");
    assert_eq!(client.read_flows(Query::new().limit(200)).await.map(drop), Ok(()));
    let order = text(Query::new().sort(Sort::TimestampAsc)).await;
    assert!(order.contains("body.sort"), "{order}");
}
