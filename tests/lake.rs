//! The lake example: its figures, its files, its lineage, and the program itself.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../examples/lake/flow.rs"]
mod flow;
#[path = "../examples/lake/tables.rs"]
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use context::assets::{LineageGraph, LineageOutcome, lineage};
use serde_json::Value;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

async fn run() -> (flow::Report, LineageGraph, tempfile::TempDir) {
    let lake = tempfile::tempdir().unwrap();
    let report = flow::lake(data(), lake.path().to_owned()).await.unwrap();
    let graph = lineage(report.flow_run);
    (report, graph, lake)
}

/// The fields of a line, with quotes around those that have commas.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut().unwrap().push(other),
        }
    }
    fields
}

fn lines(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(fields).collect()
}

/// Computed by a script that shares no code with the example.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_has_the_figures_that_a_script_has_computed() {
    let (report, ..) = run().await;
    assert_eq!(report.departures, 7_009_728);
    let airports: Vec<_> = report.airports[..5]
        .iter()
        .map(|airport| {
            (airport.iata.as_str(), airport.departures, airport.arrivals, airport.flights)
        })
        .collect();
    assert_eq!(
        airports,
        [
            ("ATL", 414_513, 414_521, 829_034),
            ("ORD", 350_380, 350_452, 700_832),
            ("DFW", 281_281, 281_401, 562_682),
            ("DEN", 241_443, 241_470, 482_913),
            ("LAX", 215_608, 215_685, 431_293),
        ]
    );
    let states: Vec<_> =
        report.states[..3].iter().map(|state| (state.state.as_str(), state.departures)).collect();
    assert_eq!(states, [("CA", 824_597), ("TX", 747_650), ("FL", 466_998)]);
    assert_eq!((report.airports.len(), report.states.len()), (305, 52));
}

/// Another way to the same files: from the texts of the raw ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_agree_with_a_recomputation_on_texts() {
    let (_, _, lake) = run().await;
    let file = |name: &str| lake.path().join(name);
    for name in ["airports.csv", "flights-airport.csv"] {
        let raw = std::fs::read(file("raw").join(name)).unwrap();
        assert_eq!(raw, std::fs::read(data().join(name)).unwrap(), "{name} is a copy");
    }
    let flights = lines(&data().join("flights-airport.csv"));
    let mut departures: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &flights {
        *departures.entry(&row[0]).or_default() += row[2].parse::<u64>().unwrap();
    }
    let marts = lines(&file("mart/airports.csv"));
    for row in &marts {
        assert_eq!(departures.get(row[0].as_str()).copied().unwrap_or(0).to_string(), row[4]);
    }
    let served: BTreeSet<&str> =
        flights.iter().flat_map(|row| [row[0].as_str(), row[1].as_str()]).collect();
    let clean = lines(&file("clean/airports.csv"));
    assert!(clean.iter().map(|row| row[0].as_str()).eq(served), "in order, and nothing else");
    let routes = lines(&file("clean/routes.csv"));
    let mut expected: Vec<_> =
        flights.iter().map(|row| (row[0].clone(), row[1].clone(), row[2].clone())).collect();
    expected.sort();
    let kept: Vec<_> =
        routes.iter().map(|row| (row[0].clone(), row[1].clone(), row[2].clone())).collect();
    assert_eq!(kept, expected);
    // Atlanta to Los Angeles is 3,120 km by other sources; a sphere is off by half a percent at most.
    let far = routes.iter().find(|row| row[0] == "ATL" && row[1] == "LAX").unwrap();
    let km: f64 = far[3].parse().unwrap();
    assert!((km - 3_120.0).abs() < 16.0, "{km}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lineage_goes_from_the_sources_to_the_marts() {
    let (_, graph, lake) = run().await;
    let upstream = |key: &str| graph.upstream_of(key).into_iter().collect::<Vec<_>>();
    assert_eq!(upstream("lake://raw/airports.csv"), ["vega://airports.csv"]);
    assert_eq!(
        upstream("lake://clean/routes.csv"),
        ["lake://raw/airports.csv", "lake://raw/flights-airport.csv"]
    );
    assert_eq!(
        upstream("lake://mart/airports.csv"),
        ["lake://clean/airports.csv", "lake://clean/routes.csv"]
    );
    assert_eq!(upstream("lake://mart/states.csv"), ["lake://mart/airports.csv"]);
    assert_eq!(graph.ancestors_of("lake://mart/states.csv").len(), 7);
    for run in graph.runs().iter().filter(|run| !run.makes.is_empty()) {
        assert_eq!(run.outcome, LineageOutcome::Succeeded);
        let key = run.makes[0].key();
        let path = lake.path().join(key.strip_prefix("lake://").unwrap());
        let rows = &run.metadata[key]["rows"];
        assert_eq!(rows, &Value::from(lines(&path).len()), "{key}");
    }
}

/// The example stands beside this test: `target/debug/deps/lake-…` and `target/debug/examples/lake`.
fn program() -> Command {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let name = format!("lake{}", std::env::consts::EXE_SUFFIX);
    let example = profile.join("examples").join(name);
    assert!(
        example.exists(),
        "`{}` is not built; `cargo test` does it, or `cargo build --example lake`",
        example.display()
    );
    Command::new(example)
}

#[test]
fn the_program_writes_its_lake_and_its_lineage() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let output = program().arg(&lake).env("CONTEXT_SUMMARY", "always").output().unwrap();
    let (answer, summary) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{summary}");
    assert!(answer.contains("829034 ATL  William B Hartsfield-Atlanta Intl, Atlanta"), "{answer}");
    assert!(answer.contains("7009728 departures in all"), "{answer}");
    assert!(summary.contains("· 6 assets ·"), "{summary}");
    assert!(summary.contains("→ lake://mart/states.csv · from lake://mart/airports.csv"));
    let mermaid = std::fs::read_to_string(lake.join("lineage.mmd")).unwrap();
    assert!(answer.contains(&mermaid), "what is printed is what is written");
    assert!(
        mermaid.contains(r#"[("Departures of states<br/>lake://mart/states.csv")]"#),
        "{mermaid}"
    );
    assert!(std::fs::read_to_string(lake.join("lineage.dot")).unwrap().ends_with("}\n"));
    let events = std::fs::read(lake.join("lineage.json")).unwrap();
    let events: Vec<Value> = serde_json::from_slice(&events).unwrap();
    assert_eq!(events.len(), 6);
    assert!(events.iter().all(|event| event["eventType"] == "COMPLETE"));
}

#[test]
fn a_lake_that_cannot_be_written_is_a_failed_run_and_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = program().arg(&file).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot make the lake"), "{said}");
}
