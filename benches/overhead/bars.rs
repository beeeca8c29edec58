//! The bars, and whether they are met.

use std::process::ExitCode;

/// What was measured against a bar.
#[derive(Debug)]
struct Bar {
    what: String,
    bar: f64,
    measured: f64,
    unit: &'static str,
    /// True if the measurement repeats exactly, so that missing the bar is a failure.
    exact: bool,
}

/// All bars of one run of the benchmark.
#[derive(Debug, Default)]
pub(crate) struct Bars(Vec<Bar>);

impl Bars {
    /// A bar for instructions or bytes, which repeat: missing it fails the benchmark.
    pub(crate) fn exact(&mut self, what: &str, bar: f64, measured: f64, unit: &'static str) {
        self.0.push(Bar { what: what.to_owned(), bar, measured, unit, exact: true });
    }

    /// A bar for time, which depends on what else the machine does.
    pub(crate) fn time(&mut self, what: &str, bar: f64, measured: f64, unit: &'static str) {
        self.0.push(Bar { what: what.to_owned(), bar, measured, unit, exact: false });
    }

    /// Prints one line for each bar.
    pub(crate) fn conclude(&self) -> ExitCode {
        println!("\n{:<58} {:>9} {:>10}", "bars", "bar", "measured");
        for Bar { what, bar, measured, unit, exact } in &self.0 {
            let verdict = match (measured <= bar, exact) {
                (true, _) => "ok",
                (false, true) => "MISSED",
                (false, false) => "missed (time)",
            };
            let digits = if *bar < 10.0 { 2 } else { 0 };
            println!("{what:<58} {bar:>9.digits$} {measured:>10.digits$} {unit:<5} {verdict}");
        }
        let missed = self.0.iter().any(|bar| bar.exact && bar.measured > bar.bar);
        if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
