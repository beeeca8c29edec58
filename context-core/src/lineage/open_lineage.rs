//! Graphs as events of OpenLineage, whose schema is 2-0-2.

use serde_json::{Map, Value, json};

use super::{LineageGraph, LineageOutcome, LineageRun};
use crate::asset::Asset;

const SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
const PRODUCER: &str = concat!("https://crates.io/crates/context/", env!("CARGO_PKG_VERSION"));

/// A facet of a published schema.
fn facet(schema: &str, fields: Value) -> Value {
    let mut facet = json!({ "_producer": PRODUCER, "_schemaURL": schema });
    if let (Value::Object(facet), Value::Object(fields)) = (&mut facet, fields) {
        facet.extend(fields);
    }
    facet
}

/// The namespace and name of a dataset: what is before the path, and the path.
///
/// A file has the namespace `file` and an absolute path, as OpenLineage names them.
fn dataset_name(key: &str) -> (String, String) {
    let (scheme, rest) = key.split_once("://").unwrap_or(("", key));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if scheme == "file" {
        return ("file".to_owned(), format!("{authority}/{path}"));
    }
    let namespace = format!("{scheme}://{authority}");
    (namespace, if path.is_empty() { "/".to_owned() } else { path.to_owned() })
}

fn facets(asset: &Asset, metadata: Option<&Map<String, Value>>) -> Map<String, Value> {
    let mut facets = Map::new();
    if let Some(properties) = asset.properties() {
        if let Some(description) = properties.description() {
            let schema = "https://openlineage.io/spec/facets/1-0-1/DocumentationDatasetFacet.json#/$defs/DocumentationDatasetFacet";
            let fields = json!({ "description": description });
            facets.insert("documentation".to_owned(), facet(schema, fields));
        }
        if let Some(owners) = properties.owners() {
            let schema = "https://openlineage.io/spec/facets/1-0-1/OwnershipDatasetFacet.json#/$defs/OwnershipDatasetFacet";
            let owners: Vec<Value> = owners.iter().map(|name| json!({ "name": name })).collect();
            facets.insert("ownership".to_owned(), facet(schema, json!({ "owners": owners })));
        }
        if let Some(url) = properties.url() {
            let schema = "https://openlineage.io/spec/facets/1-0-1/DatasourceDatasetFacet.json#/$defs/DatasourceDatasetFacet";
            let name = properties.name().unwrap_or(asset.key());
            let fields = json!({ "name": name, "uri": url });
            facets.insert("dataSource".to_owned(), facet(schema, fields));
        }
    }
    if let Some(metadata) = metadata.filter(|metadata| !metadata.is_empty()) {
        let schema = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetFacet";
        // In a field of its own: a key of the user's could be one that every facet has.
        let fields = json!({ "metadata": metadata });
        facets.insert("context_metadata".to_owned(), facet(schema, fields));
    }
    facets
}

fn dataset(asset: &Asset, metadata: Option<&Map<String, Value>>) -> Value {
    let (namespace, name) = dataset_name(asset.key());
    json!({ "namespace": namespace, "name": name, "facets": facets(asset, metadata) })
}

fn event(graph: &LineageGraph, run: &LineageRun) -> Option<Value> {
    let event_type = match run.outcome {
        LineageOutcome::Succeeded => "COMPLETE",
        LineageOutcome::Failed | LineageOutcome::Crashed => "FAIL",
        LineageOutcome::Cancelled => "ABORT",
        LineageOutcome::Cached | LineageOutcome::Unknown => return None,
    };
    if run.makes.is_empty() {
        return None;
    }
    let known = |asset: &Asset| &graph.assets[graph.place(asset)];
    let inputs: Vec<Value> = run.reads.iter().map(|asset| dataset(known(asset), None)).collect();
    let outputs: Vec<Value> =
        run.makes.iter().map(|asset| dataset(asset, run.metadata.get(asset.key()))).collect();
    let parent = facet(
        "https://openlineage.io/spec/facets/1-0-1/ParentRunFacet.json#/$defs/ParentRunFacet",
        json!({
            "run": { "runId": run.flow_run_id },
            "job": { "namespace": graph.namespace, "name": run.flow_name },
        }),
    );
    Some(json!({
        "eventType": event_type,
        "eventTime": run.end_time.to_string(),
        "run": { "runId": run.task_run_id, "facets": { "parent": parent } },
        "job": {
            "namespace": graph.namespace,
            "name": format!("{}.{}", run.flow_name, run.task_name),
        },
        "inputs": inputs,
        "outputs": outputs,
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
    }))
}

pub(super) fn events(graph: &LineageGraph) -> Vec<Value> {
    graph.runs.iter().filter_map(|run| event(graph, run)).collect()
}

#[cfg(test)]
mod tests {
    use super::dataset_name;

    #[test]
    fn keys_are_split_behind_the_authority() {
        for (key, namespace, name) in [
            ("s3://lake/day/rows.parquet", "s3://lake", "day/rows.parquet"),
            ("s3://lake", "s3://lake", "/"),
            ("s3://lake/", "s3://lake", "/"),
            ("postgres://db:5432/public.rows", "postgres://db:5432", "public.rows"),
            ("file:///data/rows.csv", "file", "/data/rows.csv"),
            ("s3://", "s3://", "/"),
        ] {
            assert_eq!(dataset_name(key), (namespace.to_owned(), name.to_owned()), "{key}");
        }
    }
}
