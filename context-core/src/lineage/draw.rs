//! Graphs as text for others to draw.

use std::fmt::Write as _;

use super::{LineageGraph, LineageOutcome, LineageRun};
use crate::asset::Asset;

/// How an arrow to an asset is drawn.
enum Arrow {
    Solid,
    /// The asset was not made: why.
    Dotted(&'static str),
}

fn arrow(run: &LineageRun) -> Arrow {
    match run.outcome {
        LineageOutcome::Succeeded => Arrow::Solid,
        other => Arrow::Dotted(other.word()),
    }
}

/// The lines of an asset's label: its name, if it has one, and its key.
fn asset_label(asset: &Asset) -> Vec<&str> {
    let name = asset.properties().and_then(|properties| properties.name());
    name.filter(|name| !name.is_empty()).into_iter().chain([asset.key()]).collect()
}

fn run_label(run: &LineageRun) -> Vec<String> {
    let tool = run.materialized_by.as_ref().map(|tool| format!("by {tool}"));
    [run.name.clone()].into_iter().chain(tool).collect()
}

fn flow_label(run: &LineageRun) -> String {
    format!("{} '{}'", run.flow_name, run.flow_run_name)
}

/// Text in Mermaid's quotes: whatever could end them, or be taken for markup, as a numeric entity.
fn mermaid_text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '#' | '"' | '<' | '>' | '&' | '`' | '\\' | '%' => {
                write_to(&mut quoted, format_args!("#{};", u32::from(character)));
            }
            control if control.is_control() => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted
}

fn mermaid_label<T: AsRef<str>>(lines: &[T]) -> String {
    lines.iter().map(|line| mermaid_text(line.as_ref())).collect::<Vec<_>>().join("<br/>")
}

pub(super) fn mermaid(graph: &LineageGraph) -> String {
    let mut text = String::from("flowchart LR\n");
    for (place, asset) in graph.assets.iter().enumerate() {
        let label = mermaid_label(&asset_label(asset));
        write_to(&mut text, format_args!("  a{place}[(\"{label}\")]\n"));
    }
    for (flow, (first, runs)) in graph.flow_runs().into_iter().enumerate() {
        let title = mermaid_text(&flow_label(first));
        write_to(&mut text, format_args!("  subgraph f{flow}[\"{title}\"]\n"));
        for run in runs {
            let label = mermaid_label(&run_label(&graph.runs[run]));
            write_to(&mut text, format_args!("    r{run}[\"{label}\"]\n"));
        }
        text.push_str("  end\n");
    }
    for (index, run) in graph.runs.iter().enumerate() {
        for asset in &run.reads {
            write_to(&mut text, format_args!("  a{} --> r{index}\n", graph.place(asset)));
        }
        for asset in &run.makes {
            let place = graph.place(asset);
            match arrow(run) {
                Arrow::Solid => write_to(&mut text, format_args!("  r{index} --> a{place}\n")),
                Arrow::Dotted(why) => {
                    write_to(&mut text, format_args!("  r{index} -. {why} .-> a{place}\n"));
                }
            }
        }
    }
    text
}

/// Text in DOT's quotes.
fn dot_text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted
}

fn dot_label<T: AsRef<str>>(lines: &[T]) -> String {
    lines.iter().map(|line| dot_text(line.as_ref())).collect::<Vec<_>>().join("\\n")
}

pub(super) fn dot(graph: &LineageGraph) -> String {
    let mut text = String::from("digraph lineage {\n  rankdir=LR;\n  node [shape=box];\n");
    for (place, asset) in graph.assets.iter().enumerate() {
        let label = dot_label(&asset_label(asset));
        write_to(&mut text, format_args!("  a{place} [shape=cylinder, label=\"{label}\"];\n"));
    }
    for (flow, (first, runs)) in graph.flow_runs().into_iter().enumerate() {
        let title = dot_text(&flow_label(first));
        write_to(&mut text, format_args!("  subgraph cluster_{flow} {{\n    label=\"{title}\";\n"));
        for run in runs {
            let label = dot_label(&run_label(&graph.runs[run]));
            write_to(&mut text, format_args!("    r{run} [label=\"{label}\"];\n"));
        }
        text.push_str("  }\n");
    }
    for (index, run) in graph.runs.iter().enumerate() {
        for asset in &run.reads {
            write_to(&mut text, format_args!("  a{} -> r{index};\n", graph.place(asset)));
        }
        for asset in &run.makes {
            let place = graph.place(asset);
            match arrow(run) {
                Arrow::Solid => write_to(&mut text, format_args!("  r{index} -> a{place};\n")),
                Arrow::Dotted(why) => write_to(
                    &mut text,
                    format_args!("  r{index} -> a{place} [style=dashed, label=\"{why}\"];\n"),
                ),
            }
        }
    }
    text.push_str("}\n");
    text
}

fn write_to(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string cannot fail");
}
