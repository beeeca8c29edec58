//! Transactions: files that are there together or not at all.
//!
//! Writes one report for each year of weather data, and then looks at all of them. The first time a day is missing in the
//! data: the check fails, and the files are removed again by the rollback hook of the task that wrote them, the last one
//! first. The second time the data is complete, and the commit hook announces each file. Look at the order of the lines,
//! and at the directory after each try.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use context::prelude::*;
use context::{Transaction, get_transaction};

/// One day's line of the file.
type Line = (String, f64);

/// Writes the report of a year. If anything around it fails later, the file is removed.
#[task(task_run_name = "report on {year}", on_commit = announce, on_rollback = remove)]
fn write_report(directory: PathBuf, year: i16, lines: &[Line]) -> anyhow::Result<PathBuf> {
    let path = directory.join(format!("{year}.txt"));
    let rain: f64 = lines.iter().map(|(_, rain)| rain).sum();
    fs::write(&path, format!("{} days, {rain:.0} mm of rain\n", lines.len()))?;
    // A task run is a transaction itself. What is set in it is there for its hooks.
    let txn = get_transaction().context("a task has a transaction")?;
    txn.set("path", &path)?;
    println!("  wrote {}", name(&path));
    Ok(path)
}

fn announce(txn: Transaction) -> anyhow::Result<()> {
    println!("  published {}", name(&txn.get::<PathBuf>("path")?));
    Ok(())
}

fn remove(txn: Transaction) -> anyhow::Result<()> {
    let path: PathBuf = txn.get("path")?;
    fs::remove_file(&path)?;
    println!("  removed {}", name(&path));
    Ok(())
}

/// Refuses a year in which days are missing.
#[task]
fn check(year: i16, days: usize) -> anyhow::Result<()> {
    let expected = if year % 4 == 0 { 366 } else { 365 };
    ensure!(days == expected, "{year} has {days} days of {expected}");
    Ok(())
}

#[flow]
fn publish(directory: PathBuf, lines: &[Line]) -> anyhow::Result<()> {
    // All that happens in the block is one whole. Nothing is committed before its end.
    transaction().name("all reports").in_scope(|_| {
        let years = [2012, 2013, 2014, 2015].map(|year: i16| {
            let of_year = |line: &&Line| line.0.starts_with(&year.to_string());
            (year, lines.iter().filter(of_year).cloned().collect::<Vec<_>>())
        });
        for (year, lines) in &years {
            write_report(directory.clone(), *year, lines)?;
        }
        println!("  all are written, now they are checked");
        for (year, lines) in &years {
            check(*year, lines.len())?;
        }
        anyhow::Ok(())
    })
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn list(directory: &Path) -> anyhow::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(name(&entry?.path()));
    }
    names.sort();
    Ok(if names.is_empty() { "empty".to_owned() } else { names.join(", ") })
}

#[context::main]
fn main() -> anyhow::Result<()> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/data/seattle-weather.csv");
    let lines: Vec<Line> = csv::Reader::from_path(file)?.deserialize().collect::<Result<_, _>>()?;
    let broken: Vec<Line> = lines.iter().filter(|line| line.0 != "2014-02-11").cloned().collect();
    let directory = std::env::temp_dir().join(format!("transactions-{}", std::process::id()));
    fs::create_dir_all(&directory)?;

    for (title, lines) in [("a day is missing:", &broken), ("complete data:", &lines)] {
        println!("{title}");
        match publish(directory.clone(), lines) {
            Ok(()) => println!("  it went well"),
            Err(error) => println!("  it failed: {error}"),
        }
        println!("  the directory: {}", list(&directory)?);
    }
    fs::remove_dir_all(directory)?;
    Ok(())
}
