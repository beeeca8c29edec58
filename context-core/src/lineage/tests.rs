use super::kept::{FlowOfRun, Kept, MOST_KEPT, MOST_OF_A_FLOW_RUN};
use super::*;
use crate::asset::AssetKey;
use proptest::prelude::*;
use serde_json::json;

const fn id(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

fn asset(key: &str) -> Asset {
    Asset::new(key).unwrap()
}

fn run(number: u128, name: &str, reads: &[&str], makes: &[&str]) -> LineageRun {
    LineageRun {
        task_run_id: TaskRunId::from(id(number)),
        flow_run_id: FlowRunId::from(id(1)),
        name: format!("{name}-{number}"),
        task_name: name.to_owned(),
        flow_name: "lake".to_owned(),
        flow_run_name: "brave-otter".to_owned(),
        outcome: LineageOutcome::Succeeded,
        start_time: Some(Timestamp::UNIX_EPOCH),
        end_time: Timestamp::from_nanos(1_500_000_000),
        materialized_by: None,
        reads: reads.iter().map(|key| asset(key)).collect(),
        makes: makes.iter().map(|key| asset(key)).collect(),
        metadata: BTreeMap::new(),
    }
}

/// raw → clean → mart, a plain reader, a failed report of another flow run.
fn lake() -> LineageGraph {
    let mut clean = run(3, "clean", &["https://x.y/raw"], &["file:///lake/clean.csv"]);
    clean.makes[0] = clean.makes[0].clone().with_name("Clean \"rows\" <1>");
    clean.makes[0] = clean.makes[0].clone().with_owners(["ann"]).with_description("d").unwrap();
    clean.materialized_by = Some("csv".to_owned());
    let rows = json!({ "rows": 2 }).as_object().unwrap().clone();
    clean.metadata.insert("file:///lake/clean.csv".to_owned(), rows);
    let count = run(4, "count", &["file:///lake/clean.csv"], &[]);
    let mart = run(5, "mart", &["file:///lake/clean.csv"], &["s3://mart/rows"]);
    let mut report = run(6, "report", &["s3://mart/rows"], &["s3://mart/report"]);
    report.outcome = LineageOutcome::Failed;
    report.flow_run_id = FlowRunId::from(id(2));
    report.flow_name = "reports".to_owned();
    LineageGraph::new([clean, count, mart, report])
}

#[test]
fn nodes_and_edges() {
    let graph = lake();
    let keys: Vec<_> = graph.assets().iter().map(Asset::key).collect();
    assert_eq!(
        keys,
        ["https://x.y/raw", "file:///lake/clean.csv", "s3://mart/rows", "s3://mart/report"]
    );
    // The definition with properties, though it was referred to without any later.
    assert!(graph.assets()[1].properties().is_some());
    let edges: Vec<_> = graph
        .edges()
        .map(|edge| match edge {
            LineageEdge::Read { asset, run } => format!("{} -> {}", asset.key(), run.task_name),
            LineageEdge::Made { run, asset } => format!("{} -> {}", run.task_name, asset.key()),
        })
        .collect();
    assert_eq!(
        edges,
        [
            "https://x.y/raw -> clean",
            "clean -> file:///lake/clean.csv",
            "file:///lake/clean.csv -> count",
            "file:///lake/clean.csv -> mart",
            "mart -> s3://mart/rows",
            "s3://mart/rows -> report",
            "report -> s3://mart/report",
        ]
    );
    assert_eq!(graph.upstream_of("s3://mart/rows"), BTreeSet::from(["file:///lake/clean.csv"]));
    assert_eq!(
        graph.ancestors_of("s3://mart/report"),
        BTreeSet::from(["file:///lake/clean.csv", "https://x.y/raw", "s3://mart/rows"])
    );
}

#[test]
fn an_asset_that_is_made_of_itself_has_itself_as_ancestor() {
    let graph = LineageGraph::new([
        run(1, "a", &["s3://b"], &["s3://a"]),
        run(2, "b", &["s3://a"], &["s3://b"]),
    ]);
    assert_eq!(graph.ancestors_of("s3://a"), BTreeSet::from(["s3://a", "s3://b"]));
}

#[test]
fn a_graph_in_mermaid() {
    insta::assert_snapshot!(lake().to_mermaid(), @r##"
    flowchart LR
      a0[("https://x.y/raw")]
      a1[("Clean #34;rows#34; #60;1#62;<br/>file:///lake/clean.csv")]
      a2[("s3://mart/rows")]
      a3[("s3://mart/report")]
      subgraph f0["lake 'brave-otter'"]
        r0["clean-3<br/>by csv"]
        r1["count-4"]
        r2["mart-5"]
      end
      subgraph f1["reports 'brave-otter'"]
        r3["report-6"]
      end
      a0 --> r0
      r0 --> a1
      a1 --> r1
      a1 --> r2
      r2 --> a2
      a2 --> r3
      r3 -. failed .-> a3
    "##);
}

#[test]
fn a_graph_in_dot() {
    insta::assert_snapshot!(lake().to_dot(), @r##"
    digraph lineage {
      rankdir=LR;
      node [shape=box];
      a0 [shape=cylinder, label="https://x.y/raw"];
      a1 [shape=cylinder, label="Clean \"rows\" <1>\nfile:///lake/clean.csv"];
      a2 [shape=cylinder, label="s3://mart/rows"];
      a3 [shape=cylinder, label="s3://mart/report"];
      subgraph cluster_0 {
        label="lake 'brave-otter'";
        r0 [label="clean-3\nby csv"];
        r1 [label="count-4"];
        r2 [label="mart-5"];
      }
      subgraph cluster_1 {
        label="reports 'brave-otter'";
        r3 [label="report-6"];
      }
      a0 -> r0;
      r0 -> a1;
      a1 -> r1;
      a1 -> r2;
      r2 -> a2;
      a2 -> r3;
      r3 -> a3 [style=dashed, label="failed"];
    }
    "##);
}

#[test]
fn a_graph_as_open_lineage() {
    let events = lake().in_namespace("tests").to_open_lineage();
    let kinds: Vec<_> = events.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["COMPLETE", "COMPLETE", "FAIL"], "a run that only reads gives no event");
    let mut first = events[0].clone();
    assert!(first["producer"].as_str().unwrap().starts_with("https://"));
    first["producer"] = "P".into();
    let text = serde_json::to_string_pretty(&first).unwrap();
    let version = concat!("https://crates.io/crates/context/", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(text.replace(version, "P"), @r##"
    {
      "eventTime": "1970-01-01T00:00:01.500000Z",
      "eventType": "COMPLETE",
      "inputs": [
        {
          "facets": {},
          "name": "raw",
          "namespace": "https://x.y"
        }
      ],
      "job": {
        "name": "lake.clean",
        "namespace": "tests"
      },
      "outputs": [
        {
          "facets": {
            "context_metadata": {
              "_producer": "P",
              "_schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetFacet",
              "metadata": {
                "rows": 2
              }
            },
            "documentation": {
              "_producer": "P",
              "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/DocumentationDatasetFacet.json#/$defs/DocumentationDatasetFacet",
              "description": "d"
            },
            "ownership": {
              "_producer": "P",
              "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/OwnershipDatasetFacet.json#/$defs/OwnershipDatasetFacet",
              "owners": [
                {
                  "name": "ann"
                }
              ]
            }
          },
          "name": "/lake/clean.csv",
          "namespace": "file"
        }
      ],
      "producer": "P",
      "run": {
        "facets": {
          "parent": {
            "_producer": "P",
            "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/ParentRunFacet.json#/$defs/ParentRunFacet",
            "job": {
              "name": "lake",
              "namespace": "tests"
            },
            "run": {
              "runId": "00000000-0000-0000-0000-000000000001"
            }
          }
        },
        "runId": "00000000-0000-0000-0000-000000000003"
      },
      "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    }
    "##);
}

#[test]
fn runs_that_made_nothing_give_no_event_or_say_so() {
    let mut run = run(1, "a", &[], &["s3://a"]);
    let mut event = |outcome| {
        run.outcome = outcome;
        let graph = LineageGraph::new([run.clone()]);
        let drawn = graph.to_mermaid();
        let kind = graph.to_open_lineage().first().map(|event| event["eventType"].clone());
        (kind, drawn.lines().last().unwrap_or_default().trim().to_owned())
    };
    assert_eq!(event(LineageOutcome::Cached), (None, "r0 -. cached .-> a0".to_owned()));
    assert_eq!(
        event(LineageOutcome::Crashed),
        (Some("FAIL".into()), "r0 -. crashed .-> a0".to_owned())
    );
    assert_eq!(
        event(LineageOutcome::Cancelled),
        (Some("ABORT".into()), "r0 -. cancelled .-> a0".to_owned())
    );
}

fn flow(number: u128, outer: &[u128]) -> FlowOfRun {
    let outer: Vec<FlowRunId> = outer.iter().map(|number| FlowRunId::from(id(*number))).collect();
    FlowOfRun { id: FlowRunId::from(id(number)), outer: (!outer.is_empty()).then(|| outer.into()) }
}

#[test]
fn a_flow_run_has_the_lineage_of_those_inside_it() {
    let mut kept = Kept::default();
    kept.note(flow(3, &[1, 2]), run(10, "leaf", &[], &["s3://leaf"]));
    kept.note(flow(1, &[]), run(11, "top", &[], &["s3://top"]));
    let names = |number| {
        let graph = kept.of(FlowRunId::from(id(number)));
        graph.runs().iter().map(|run| run.task_name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(1), ["leaf", "top"]);
    assert_eq!(names(2), ["leaf"]);
    assert_eq!(names(3), ["leaf"]);
    assert_eq!(names(4), Vec::<String>::new());
}

#[test]
fn what_is_kept_is_bounded_and_a_graph_says_so() {
    let mut kept = Kept::default();
    for number in 0..=MOST_OF_A_FLOW_RUN {
        kept.note(flow(1, &[]), run(number as u128, "a", &[], &["s3://a"]));
    }
    let graph = kept.of(FlowRunId::from(id(1)));
    assert_eq!((graph.runs().len(), graph.is_complete()), (MOST_OF_A_FLOW_RUN, false));
    for number in 0..MOST_KEPT {
        kept.note(flow(2 + number as u128, &[]), run(0, "b", &[], &["s3://b"]));
    }
    assert!(kept.of(FlowRunId::from(id(1))).is_empty(), "the oldest is forgotten first");
    let last = kept.of(FlowRunId::from(id(1 + MOST_KEPT as u128)));
    assert_eq!((last.runs().len(), last.is_complete()), (1, true));
}

proptest! {
    #[test]
    fn no_name_breaks_out_of_its_quotes(name in any::<String>(), key in "[a-z]{1,5}://[^\n\r\t\0 #?&%\"'<>\\[\\]{}|\\\\^`]{0,20}") {
        prop_assume!(AssetKey::new(&key).is_ok());
        let mut one = run(1, "a", &[], &[&key]);
        one.name.clone_from(&name);
        one.flow_run_name.clone_from(&name);
        one.materialized_by = Some(name.clone());
        one.makes[0] = one.makes[0].clone().with_name(name.clone());
        let graph = LineageGraph::new([one]);
        let mermaid = graph.to_mermaid();
        // Asset, frame, run, end, arrow, and the first line.
        prop_assert_eq!(mermaid.lines().count(), 6, "{}", mermaid);
        for line in mermaid.lines() {
            let quotes = line.matches('"').count();
            prop_assert!(quotes == 0 || quotes == 2, "{}", line);
        }
        for line in graph.to_dot().lines() {
            let mut open = false;
            let mut escaped = false;
            for character in line.chars() {
                match character {
                    _ if escaped => escaped = false,
                    '\\' => escaped = open,
                    '"' => open = !open,
                    _ => {}
                }
            }
            prop_assert!(!open && !escaped, "{}", line);
        }
        prop_assert_eq!(graph.to_dot().lines().count(), 10);
    }
}
