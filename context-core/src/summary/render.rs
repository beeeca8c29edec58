//! Drawing: a tree as text, at most [`WIDTH`] columns wide.

use std::time::Duration;

use super::assets::{AssetLine, Assets};
use super::collect::{Totals, Tree};
use super::numbers::{Counts, Elements, Numbers, Outcome};
use super::text::{self, count, counted, enumerate};
use super::tree::{Group, Kind, Line, Scope};

/// The most columns of a line.
pub(super) const WIDTH: usize = 100;
/// The most columns of a name.
const NAME: usize = 40;
/// The most columns of an asset's key.
const ASSET: usize = 56;
/// The most columns of a list of tags, with its brackets.
const TAGS: usize = 32;
/// A tree with more nodes is shown without its plain lines.
const SHOWN_IN_FULL: usize = 200;

/// The tree as text. Gives up detail if there is too much to read.
pub(super) fn draw(tree: &mut Tree, color: bool) -> String {
    if tree.line.below.nodes() > SHOWN_IN_FULL {
        tree.line.below.compact();
    }
    let mut canvas = Canvas { text: String::new(), color };
    let mut row = canvas.row("");
    head(&mut row, tree.line.facts.outcome, &flow_name(&tree.flow, &tree.line));
    row.end_of_line(&tree.line, true);
    canvas.items("", &items(&tree.line.below));
    let mut row = canvas.row("");
    totals(&mut row, &tree.totals, &tree.assets, tree.line.facts.duration);
    row.end();
    canvas.assets(&tree.assets);
    canvas.text
}

/// One line of a tree, and what hangs below it.
enum Item<'a> {
    Run(Kind, &'a str, &'a Line),
    Group(&'a Group),
    More(u64),
}

fn items(scope: &Scope) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    for group in scope.in_order() {
        if group.merged {
            items.push(Item::Group(group));
        } else {
            items.extend(runs(group));
        }
    }
    items
}

fn runs(group: &Group) -> impl Iterator<Item = Item<'_>> {
    let mut lines: Vec<_> = group.lines.iter().collect();
    lines.sort_by_key(|line| line.facts.start);
    lines.into_iter().map(|line| Item::Run(group.kind, &group.name, line))
}

impl<'a> Item<'a> {
    fn below(&self) -> Vec<Self> {
        match *self {
            Self::Run(_, _, line) => items(&line.below),
            Self::Group(group) => {
                let mut below: Vec<_> = runs(group).collect();
                let hidden = group.hidden();
                if !below.is_empty() && hidden > 0 {
                    below.push(Item::More(hidden));
                }
                below.extend(items(&group.below));
                below
            }
            Self::More(_) => Vec::new(),
        }
    }
}

#[derive(Clone, Copy)]
enum Style {
    Plain,
    Bold,
    Dim,
    Of(Outcome),
}

impl Style {
    /// The escape sequence that turns it on, if there is one.
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Of(Outcome::Completed) => "\x1b[32m",
            Self::Of(Outcome::Failed | Outcome::Crashed) => "\x1b[31m",
            Self::Of(Outcome::Cancelled | Outcome::NotReady) => "\x1b[33m",
        }
    }
}

const RESET: &str = "\x1b[0m";

struct Canvas {
    text: String,
    color: bool,
}

impl Canvas {
    fn row(&mut self, prefix: &str) -> Row<'_> {
        let mut row = Row { canvas: self, left: WIDTH };
        row.put(Style::Dim, prefix);
        row
    }

    fn items(&mut self, prefix: &str, items: &[Item<'_>]) {
        for (index, item) in items.iter().enumerate() {
            let last = index + 1 == items.len();
            let branch = if last { "└─ " } else { "├─ " };
            let mut row = self.row(&format!("{prefix}{branch}"));
            match item {
                Item::Run(kind, name, line) => {
                    let shown = match kind {
                        Kind::Flow => flow_name(name, line),
                        Kind::Task | Kind::Other => text::shorten(&line.label.name, NAME).into(),
                    };
                    head(&mut row, line.facts.outcome, &shown);
                    row.end_of_line(line, false);
                }
                Item::Group(group) => {
                    group_line(&mut row, group);
                    row.end();
                }
                Item::More(hidden) => {
                    row.put(Style::Dim, &format!("… and {} more", count(*hidden)));
                    row.end();
                }
            }
            let trunk = if last { "   " } else { "│  " };
            self.items(&format!("{prefix}{trunk}"), &item.below());
        }
    }
}

impl Canvas {
    /// The assets that were made, a line for each.
    fn assets(&mut self, assets: &Assets) {
        for AssetLine { key, failed, upstream, tool } in &assets.lines {
            let mut row = self.row("");
            let (style, symbol) =
                if *failed { (Style::Of(Outcome::Failed), "✗ ") } else { (Style::Dim, "→ ") };
            row.put(style, symbol);
            row.put(Style::Bold, &text::shorten(key, ASSET));
            if *failed {
                row.part(style, "failed");
            }
            match upstream.as_slice() {
                [] => {}
                [one] => row.part(Style::Plain, &format!("from {}", text::shorten(one, NAME))),
                [one, ..] => {
                    row.part(
                        Style::Plain,
                        &format!("from {} and others", text::shorten(one, NAME)),
                    );
                }
            }
            if let Some(tool) = tool {
                row.part(Style::Dim, &format!("by {tool}"));
            }
            row.end();
        }
        if assets.more {
            let mut row = self.row("");
            row.put(Style::Dim, "… and others");
            row.end();
        }
    }
}

/// One line on its way.
struct Row<'a> {
    canvas: &'a mut Canvas,
    /// Columns that are left.
    left: usize,
}

impl Row<'_> {
    /// As much of `text` as fits.
    fn put(&mut self, style: Style, text: &str) {
        let text = text::shorten(text, self.left);
        if text.is_empty() {
            return;
        }
        self.left -= text::width(&text);
        let code = if self.canvas.color { style.code() } else { "" };
        let reset = if code.is_empty() { "" } else { RESET };
        self.canvas.text.extend([code, &*text, reset]);
    }

    /// A separator, and as much of `text` as fits. Nothing if that would be too little to read.
    fn part(&mut self, style: Style, text: &str) {
        const SEPARATOR: &str = " · ";
        const LEGIBLE: usize = 16;
        let needed = text::width(SEPARATOR) + text::width(text).min(LEGIBLE);
        if !text.is_empty() && self.left >= needed {
            self.put(Style::Dim, SEPARATOR);
            self.put(style, text);
        }
    }

    fn end(self) {
        self.canvas.text.push('\n');
    }

    /// Everything about a run but its name.
    fn end_of_line(mut self, line: &Line, says_completed: bool) {
        let facts = &line.facts;
        let label = &line.label;
        if facts.outcome != Outcome::Completed || says_completed || label.state.is_some() {
            let state = label.state.as_deref().unwrap_or(facts.outcome.word());
            self.part(Style::Of(facts.outcome), &text::shorten(state, NAME));
        }
        if let Some(duration) = facts.duration {
            self.part(Style::Dim, &text::duration(duration));
        }
        if !label.tags.is_empty() {
            self.part(Style::Dim, &format!("[{}]", text::shorten(&label.tags, TAGS - 2)));
        }
        if facts.run_count > 1 {
            self.part(Style::Plain, &format!("{} attempts", count(facts.run_count.into())));
        }
        self.part(Style::Plain, &elements(facts.elements));
        if let Some(message) = &label.message {
            self.part(Style::Plain, message);
        }
        self.end();
    }
}

fn head(row: &mut Row<'_>, outcome: Outcome, name: &str) {
    let symbol = match outcome {
        Outcome::Completed => "✓ ",
        Outcome::Failed | Outcome::Crashed => "✗ ",
        Outcome::Cancelled => "⊘ ",
        Outcome::NotReady => "○ ",
    };
    row.put(Style::Of(outcome), symbol);
    row.put(Style::Bold, name);
}

fn flow_name(flow: &str, line: &Line) -> String {
    let (flow, name) = (text::shorten(flow, NAME), text::shorten(&line.label.name, NAME));
    format!("{flow} '{name}'")
}

fn group_line(row: &mut Row<'_>, group: &Group) {
    let numbers = &group.numbers;
    let worst = [Outcome::Failed, Outcome::Crashed, Outcome::Cancelled, Outcome::NotReady]
        .into_iter()
        .find(|outcome| numbers.counts.of(*outcome) > 0);
    let name = match group.kind {
        Kind::Task | Kind::Flow => text::shorten(&group.name, NAME),
        Kind::Other => "(others)".into(),
    };
    head(row, worst.unwrap_or(Outcome::Completed), &name);
    row.put(Style::Bold, &format!(" ×{}", count(numbers.counts.runs())));
    let ends = if worst.is_none() { "all completed".to_owned() } else { outcomes(&numbers.counts) };
    row.part(Style::Plain, &ends);
    row.part(Style::Plain, &elements(numbers.elements));
    if numbers.retries > 0 {
        row.part(Style::Plain, &counted(numbers.retries, "retry", "retries"));
    }
    if let Some(mean) = mean(numbers) {
        let (shortest, longest) =
            (text::duration(numbers.shortest), text::duration(numbers.longest));
        let range = if shortest == longest {
            format!("{shortest} each")
        } else {
            format!("{shortest} to {longest}, mean {}", text::duration(mean))
        };
        row.part(Style::Dim, &range);
        row.part(Style::Dim, &format!("{} in all", text::duration(numbers.total)));
    }
}

/// `12,000 runs, 3 failed`; nothing if there are none.
fn elements(elements: Elements) -> String {
    let Elements { runs, failed } = elements;
    match (runs, failed) {
        (0, _) => String::new(),
        (_, 0) => counted(runs, "run", "runs"),
        _ => format!("{}, {} failed", counted(runs, "run", "runs"), count(failed)),
    }
}

fn mean(numbers: &Numbers) -> Option<Duration> {
    let nanos = numbers.total.as_nanos().checked_div(numbers.timed.into())?;
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// `9,997 completed, 3 failed`.
fn outcomes(counts: &Counts) -> String {
    let mut list = String::new();
    for outcome in Outcome::ALL {
        let runs = counts.of(outcome);
        if runs > 0 {
            enumerate(&mut list, runs, outcome.word());
        }
    }
    list
}

fn totals(row: &mut Row<'_>, totals: &Totals, assets: &Assets, duration: Option<Duration>) {
    let counts = &totals.task_runs;
    let runs = counts.runs();
    let mut rest = Vec::new();
    if totals.retries > 0 {
        rest.push(counted(totals.retries, "retry", "retries"));
    }
    if totals.subflows > 0 {
        rest.push(counted(totals.subflows, "subflow run", "subflow runs"));
    }
    if totals.artifacts > 0 {
        rest.push(counted(totals.artifacts, "artifact", "artifacts"));
    }
    match (assets.made, assets.failed) {
        (0, 0) => {}
        (made, 0) => rest.push(counted(made, "asset", "assets")),
        (made, failed) => {
            rest.push(format!("{}, {} failed", counted(made, "asset", "assets"), count(failed)));
        }
    }
    rest.extend(duration.map(text::duration));
    let taken: usize = rest.iter().map(|part| 3 + text::width(part)).sum();
    let line = |ends: &str| format!("{}: {ends}", counted(runs, "task run", "task runs"));
    let mut first = match runs {
        0 => "no task runs".to_owned(),
        _ => line(&outcomes(counts)),
    };
    if text::width(&first) + taken > WIDTH {
        let completed = counts.of(Outcome::Completed);
        let others = runs.saturating_sub(completed);
        first = line(&format!("{} completed, {} not", count(completed), count(others)));
    }
    row.put(Style::Bold, &first);
    for part in rest {
        row.part(Style::Plain, &part);
    }
}
