//! What is kept of the runs below a run: groups of runs of one task, with a few lines each.
//!
//! A group of up to [`LINES`] runs keeps a line for each. With one run more it is *merged*: it keeps numbers, and lines
//! only of runs that a reader would look for. What was below the other runs is merged by name too. Three bounds hold
//! for any tree: [`GROUPS`] in a scope, [`HEIGHT`] levels, and [`NODES`] nodes altogether; past them, detail is given
//! up and the numbers stay exact.

use std::collections::VecDeque;

use super::numbers::{Facts, Numbers};

/// The most runs of one task that are listed one by one, and the most that are picked out of a merged group.
pub(super) const LINES: usize = 5;
/// The most tasks that are told apart under one run.
pub(super) const GROUPS: usize = 100;
/// The most levels below a run. With more, all below it becomes one level.
pub(super) const HEIGHT: usize = 8;
/// The most groups and lines in one tree.
pub(super) const NODES: usize = 2_000;

/// What is shown of a run. It is put together only for a run whose line is kept.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) name: Box<str>,
    /// The state's name, where it is not the one of its type.
    pub(super) state: Option<Box<str>>,
    pub(super) tags: Box<str>,
    pub(super) message: Option<Box<str>>,
}

/// A run, and what is below it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) facts: Facts,
    pub(super) label: Label,
    pub(super) below: Scope,
}

/// What the runs of a group are runs of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Task,
    Flow,
    /// Various tasks and flows, past the most that are told apart.
    Other,
}

/// The runs of one task, or subflow, under one run.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) kind: Kind,
    pub(super) name: Box<str>,
    pub(super) numbers: Numbers,
    /// True once not every run has a line.
    pub(super) merged: bool,
    pub(super) lines: Vec<Line>,
    /// What is below the runs without lines.
    pub(super) below: Scope,
}

/// Where a line goes.
enum Place {
    Free,
    InsteadOf(usize),
    Nowhere,
}

impl Group {
    fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            numbers: Numbers::default(),
            merged: kind == Kind::Other,
            lines: Vec::new(),
            below: Scope::default(),
        }
    }

    /// The runs of which only numbers are kept.
    pub(super) fn hidden(&self) -> u64 {
        self.numbers.counts.runs().saturating_sub(self.lines.len() as u64)
    }

    fn place(&mut self, facts: &Facts) -> Place {
        if !self.merged {
            if self.lines.len() < LINES {
                return Place::Free;
            }
            self.drop_plain_lines();
        }
        let weight = facts.weight();
        if weight == 0 {
            return Place::Nowhere;
        }
        if self.lines.len() < LINES {
            return Place::Free;
        }
        let least = self.lines.iter().enumerate().min_by_key(|(_, line)| line.facts.weight());
        match least {
            Some((index, line)) if line.facts.weight() < weight => Place::InsteadOf(index),
            _ => Place::Nowhere,
        }
    }

    /// Keeps a line of a run whose numbers were added, if it is worth one.
    #[inline]
    fn keep(&mut self, facts: &Facts, label: impl FnOnce() -> Label, below: Scope) {
        match self.place(facts) {
            Place::Nowhere => self.below.merge(below),
            Place::Free => self.lines.push(Line { facts: *facts, label: label(), below }),
            Place::InsteadOf(index) => {
                let line = Line { facts: *facts, label: label(), below };
                let former = std::mem::replace(&mut self.lines[index], line);
                self.below.merge(former.below);
            }
        }
    }

    #[cold]
    fn drop_plain_lines(&mut self) {
        self.merged = true;
        let plain = self.lines.extract_if(.., |line| line.facts.weight() == 0);
        for line in plain {
            self.below.merge(line.below);
        }
    }

    fn absorb(&mut self, other: Self) {
        self.numbers.merge(&other.numbers);
        if other.merged && !self.merged {
            self.drop_plain_lines();
        }
        for Line { facts, label, below } in other.lines {
            self.keep(&facts, || label, below);
        }
        self.below.merge(other.below);
    }

    /// Keeps numbers, the lines that matter, and one level for each name below.
    fn compact(&mut self) {
        self.drop_plain_lines();
        for line in &mut self.lines {
            self.below.merge(std::mem::take(&mut line.below));
        }
        self.below.compact();
    }

    fn nodes(&self) -> usize {
        let lines: usize = self.lines.iter().map(|line| 1 + line.below.nodes()).sum();
        1 + lines + self.below.nodes()
    }
}

/// What is below a run.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// In the order of their first ends.
    groups: Vec<Group>,
    /// The group that was used last, which is likely to be used next.
    recent: usize,
    /// At least the number of nodes.
    nodes_at_most: usize,
    /// At least the number of levels.
    height_at_most: usize,
}

impl Scope {
    pub(super) const fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The groups in the order in which their first runs began.
    pub(super) fn in_order(&self) -> Vec<&Group> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|group| group.numbers.first_start);
        groups
    }

    /// Adds a run with what is below it.
    pub(super) fn add(
        &mut self,
        kind: Kind,
        name: &str,
        facts: &Facts,
        label: impl FnOnce() -> Label,
        mut below: Self,
    ) {
        if below.height_at_most >= HEIGHT {
            below.flatten();
        }
        self.nodes_at_most += below.nodes_at_most;
        self.height_at_most = self.height_at_most.max(below.height_at_most + 1);
        let group = self.group(kind, name);
        group.numbers.add(facts);
        let lines = group.lines.len();
        group.keep(facts, label, below);
        self.nodes_at_most += group.lines.len().saturating_sub(lines);
        self.bound();
    }

    /// Adds all of `other`, by name.
    pub(super) fn merge(&mut self, other: Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other;
            return;
        }
        self.nodes_at_most += other.nodes_at_most;
        self.height_at_most = self.height_at_most.max(other.height_at_most);
        for group in other.groups {
            self.group(group.kind, &group.name).absorb(group);
        }
        self.bound();
    }

    /// The number of groups and lines.
    pub(super) fn nodes(&self) -> usize {
        self.groups.iter().map(Group::nodes).sum()
    }

    #[inline]
    fn group(&mut self, kind: Kind, name: &str) -> &mut Group {
        let is = |group: &Group| group.kind == kind && *group.name == *name;
        if !self.groups.get(self.recent).is_some_and(is) {
            self.recent = match self.groups.iter().position(is) {
                Some(index) => index,
                None => self.new_group(kind, name),
            };
        }
        &mut self.groups[self.recent]
    }

    /// The place of a new group, or of the one that stands for all that are too many.
    #[cold]
    fn new_group(&mut self, kind: Kind, name: &str) -> usize {
        let full = self.groups.len() >= GROUPS;
        if full && let Some(other) = self.groups.iter().position(|group| group.kind == Kind::Other)
        {
            return other;
        }
        self.groups.push(if full { Group::new(Kind::Other, "") } else { Group::new(kind, name) });
        self.nodes_at_most += 1;
        self.groups.len() - 1
    }

    /// Gives up detail if there may be too many nodes.
    #[inline]
    fn bound(&mut self) {
        if self.nodes_at_most > NODES {
            self.shrink();
        }
    }

    #[cold]
    fn shrink(&mut self) {
        self.nodes_at_most = self.nodes();
        if self.nodes_at_most > NODES {
            self.compact();
            // Room for as much again, so that this is not done at every run.
            if self.nodes_at_most > NODES / 2 {
                self.flatten();
            }
        }
    }

    /// Gives up the lines of plain runs, and what is below single runs is merged by name.
    pub(super) fn compact(&mut self) {
        for group in &mut self.groups {
            group.compact();
        }
        self.nodes_at_most = self.nodes();
    }

    /// Merges all levels into one, by name.
    fn flatten(&mut self) {
        let mut flat = Self { height_at_most: 1, ..Self::default() };
        let mut queue = VecDeque::from(std::mem::take(&mut self.groups));
        while let Some(mut group) = queue.pop_front() {
            for line in &mut group.lines {
                queue.extend(std::mem::take(&mut line.below).groups);
            }
            queue.extend(std::mem::take(&mut group.below).groups);
            flat.group(group.kind, &group.name).absorb(group);
        }
        flat.nodes_at_most = flat.nodes();
        *self = flat;
    }
}
