//! `Report`: what happened in a harness.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::home::Home;
use crate::clock::Timestamp;
use crate::lineage::{LineageGraph, lineage};
use crate::record::{FlowRun, MemoryRecorder, Recorded, TaskRun};
use crate::state::State;

/// What a program returned in a [`Harness`](super::Harness), and what happened meanwhile.
#[non_exhaustive]
pub struct Report<T> {
    /// What it returned.
    pub output: T,
    pub(super) recorder: Arc<MemoryRecorder>,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) home: Arc<Home>,
}

impl<T> Report<T> {
    /// What happened as text: a line for each run with its states and assets, under the run that called it.
    ///
    /// Ids are `<id>`, the random parts of task runs' names are `*`, and the home is `<home>`. A program whose runs
    /// always start in the same order gives the same text every time.
    ///
    /// ```text
    /// flow crawl: Pending, Running, Completed
    ///   task fetch [io]: Pending, Running, Retrying, Completed
    /// ```
    pub fn transcript(&self) -> String {
        self.stable(self.recorder.transcript())
    }

    /// As [`transcript`](Self::transcript), and before a state stands the time since the start of the program, in
    /// seconds, where it has moved on. Under a manual clock this is the same text every time, too.
    ///
    /// ```text
    /// flow crawl: Pending, Running, +5s Completed
    ///   task fetch [io]: Pending, Running, AwaitingRetry, +5s Retrying, Completed
    /// ```
    pub fn timeline(&self) -> String {
        self.stable(self.recorder.timeline(self.start))
    }

    /// Every flow run with its last state, in the order of their first states.
    pub fn flow_runs(&self) -> Vec<(FlowRun, State)> {
        self.recorder.flow_runs()
    }

    /// Every task run with its last state, in the order of their first states. A subflow is a task run, too.
    pub fn task_runs(&self) -> Vec<(TaskRun, State)> {
        self.recorder.task_runs()
    }

    /// The assets that were made and read in the first flow run, and in those inside it; empty if there was none.
    pub fn lineage(&self) -> LineageGraph {
        match self.flow_runs().first() {
            Some((run, _)) => lineage(run.id),
            None => LineageGraph::new([]),
        }
    }

    /// The names of the states of each run of the task or flow called `name`, in the order of their first states.
    pub fn states_of(&self, name: &str) -> Vec<Vec<String>> {
        let mut runs: Vec<Vec<String>> = Vec::new();
        let mut index = HashMap::new();
        for event in self.recorder.events() {
            let (id, called, state) = match &event {
                Recorded::FlowRun(run, state) => (run.id.as_u128(), &run.flow_name, state),
                Recorded::TaskRun(run, state) if run.child_flow_run_id.is_none() => {
                    (run.id.as_u128(), &run.task_name, state)
                }
                // The flow run itself is listed.
                _ => continue,
            };
            if called == name {
                let run = *index.entry(id).or_insert_with(|| {
                    runs.push(Vec::new());
                    runs.len() - 1
                });
                runs[run].push(state.name().to_owned());
            }
        }
        runs
    }

    /// How much time the program took, on the clock of the harness.
    pub const fn elapsed(&self) -> Duration {
        self.end.since(self.start)
    }

    /// The recorder, for everything else.
    pub fn recorder(&self) -> &MemoryRecorder {
        &self.recorder
    }

    /// The home directory of the runs, while this report or the harness is kept. It exists if something was written to
    /// it.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The text without what differs from run to run.
    fn stable(&self, text: String) -> String {
        let mut text = text.replace(&*self.home.path().to_string_lossy(), "<home>");
        let mut seen = HashSet::new();
        for (run, _) in self.task_runs() {
            let random = run.dynamic_key.get(..3).and_then(|key| run.name.strip_suffix(key));
            if let Some(task) = random.and_then(|rest| rest.strip_suffix('-'))
                && task == run.task_name
                && seen.insert(run.name.clone())
            {
                text = text.replace(&run.name, &format!("{task}-*"));
            }
        }
        without_ids(&text)
    }
}

/// Assertions, whose messages show what happened instead.
impl<T> Report<T> {
    /// # Panics
    ///
    /// Unless the task or flow called `name` ran once, and its run entered these states.
    #[track_caller]
    pub fn assert_states<'a>(&self, name: &str, states: impl IntoIterator<Item = &'a str>) {
        let expected: Vec<_> = states.into_iter().collect();
        match self.states_of(name).as_slice() {
            [run] if *run == expected => {}
            [run] => self.fail(format_args!(
                "`{name}` entered the states {}, expected {}",
                run.join(", "),
                expected.join(", "),
            )),
            runs => self.fail(format_args!("expected one run of `{name}`, found {}", runs.len())),
        }
    }

    /// # Panics
    ///
    /// Unless the task or flow called `name` ran `count` times.
    #[track_caller]
    pub fn assert_runs(&self, name: &str, count: usize) {
        let found = self.states_of(name).len();
        if found != count {
            self.fail(format_args!("expected {count} runs of `{name}`, found {found}"));
        }
    }

    /// # Panics
    ///
    /// Unless there was a run and every run ended in a completed state.
    #[track_caller]
    pub fn assert_completed(&self) {
        let flows = self.flow_runs().into_iter().map(|(run, state)| (run.flow_name, state));
        let tasks = self.task_runs().into_iter().map(|(run, state)| (run.task_name, state));
        let runs: Vec<_> = flows.chain(tasks).collect();
        let mut others = runs.iter().filter(|(_, state)| !state.is_completed());
        if let Some((name, state)) = others.next() {
            self.fail(format_args!(
                "expected every run to complete, but `{name}` is {} and {} more are not completed",
                state.name(),
                others.count(),
            ));
        }
        if runs.is_empty() {
            self.fail(format_args!("expected a run, found none"));
        }
    }

    #[track_caller]
    fn fail(&self, why: fmt::Arguments<'_>) -> ! {
        let transcript = self.transcript();
        if transcript.is_empty() {
            panic!(
                "{why}\nnothing ran in the harness; a flow is called inside the closure that the harness gets: \
                 `harness.run(|| load())`"
            );
        }
        panic!("{why}\nwhat happened:\n{transcript}");
    }
}

impl<T: fmt::Debug> fmt::Debug for Report<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("output", &self.output)
            .field("transcript", &self.transcript())
            .finish_non_exhaustive()
    }
}

/// The text with `<id>` for every UUID.
fn without_ids(text: &str) -> String {
    const LENGTH: usize = 36;
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let candidate = rest.get(..LENGTH).filter(|candidate| is_uuid(candidate));
        let (shown, length) = match candidate {
            Some(_) => ("<id>", LENGTH),
            None => (&rest[..first.len_utf8()], first.len_utf8()),
        };
        result.push_str(shown);
        rest = &rest[length..];
    }
    result
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}
