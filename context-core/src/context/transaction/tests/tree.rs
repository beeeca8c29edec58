//! Transactions as data: a tree of blocks that is run in every form, and a model that says what must come of it.
//!
//! The model knows no futures, no locks of its own memory and no frames: each rule of transactions is a line of it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use super::super::transaction;
use crate::hook::Hook;
use crate::results::{ResultStore, Storage};
use crate::transaction::TransactionState::{self, Active, Committed, RolledBack, Staged};
use crate::transaction::{CommitMode, Stage, Transaction, TransactionError, TransactionOptions};

/// A piece of code in a transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// What hooks are logged as, and the key.
    pub(super) name: String,
    pub(super) mode: Option<CommitMode>,
    pub(super) write: Write,
    /// True if the code around it stops with its error.
    pub(super) raises: bool,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Write {
    /// It has no key.
    #[default]
    None,
    Works,
    Fails,
    /// The record is there.
    Exists,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// One hook of each kind.
    Stage {
        commit_fails: bool,
        rollback_fails: bool,
    },
    Inside(Block),
    Commit,
    RollBack,
    Fail,
}

/// What has come of a tree: what happened in order, and the state of each block in the order in which they began.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) log: Vec<String>,
    pub(super) states: Vec<TransactionState>,
    pub(super) failures: usize,
}

impl Block {
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(super) fn mode(mut self, mode: CommitMode) -> Self {
        self.mode = Some(mode);
        self
    }

    pub(super) fn write(mut self, write: Write) -> Self {
        self.write = write;
        self
    }

    pub(super) fn raises(mut self) -> Self {
        self.raises = true;
        self
    }

    pub(super) fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Stages two hooks of each kind, that succeed.
    pub(super) fn staged(self) -> Self {
        self.stage(false, false).stage(false, false)
    }

    pub(super) fn stage(self, commit_fails: bool, rollback_fails: bool) -> Self {
        self.step(Step::Stage { commit_fails, rollback_fails })
    }

    pub(super) fn inside(self, block: Self) -> Self {
        self.step(Step::Inside(block))
    }

    pub(super) fn fails(self) -> Self {
        self.step(Step::Fail)
    }

    fn key(&self) -> Option<String> {
        match self.write {
            Write::None => None,
            Write::Works | Write::Fails => Some(self.name.clone()),
            Write::Exists => Some(format!("exists-{}", self.name)),
        }
    }
}

/// What all blocks of one run share.
#[derive(Clone)]
struct World {
    log: Arc<Mutex<Vec<String>>>,
    store: ResultStore,
    begun: Arc<Mutex<Vec<Transaction>>>,
}

impl Default for World {
    fn default() -> Self {
        let store = ResultStore::new(Storage::memory());
        Self { log: Arc::default(), store, begun: Arc::default() }
    }
}

/// Is pending once.
pub(super) async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| match std::mem::replace(&mut paused, true) {
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        true => Poll::Ready(()),
    })
    .await;
}

/// A hook that logs `text`: a plain one, or one that waits.
fn hook(log: &Arc<Mutex<Vec<String>>>, text: String, fails: bool) -> Vec<Hook<(Transaction,)>> {
    use crate::hook::IntoHooks;
    let log = log.clone();
    let answer = move |text: &str| {
        log.lock().unwrap().push(text.to_owned());
        if fails { Err(text.to_owned()) } else { Ok(()) }
    };
    if text.len().is_multiple_of(2) {
        return (move |_| answer(&text)).into_hooks();
    }
    let answer = Arc::new(answer);
    let later = move |_| {
        let (text, answer) = (text.clone(), answer.clone());
        async move {
            pause().await;
            answer(&text)
        }
    };
    later.into_hooks()
}

impl World {
    fn options(&self, block: &Block) -> TransactionOptions {
        let mut options = TransactionOptions::new().name(block.name.clone());
        if let Some(mode) = block.mode {
            options = options.commit_mode(mode);
        }
        if let Some(key) = block.key() {
            options = options.key(key).store(self.store_of(block));
        }
        options
    }

    fn store_of(&self, block: &Block) -> ResultStore {
        if block.write != Write::Fails {
            return self.store.clone();
        }
        // It can be asked for records, and can be given none.
        ResultStore::new("nowhere://").with_metadata_storage(Some(Storage::memory()))
    }

    fn begin(&self, txn: &Transaction) {
        self.begun.lock().unwrap().push(txn.clone());
    }

    fn stage(
        &self,
        block: &Block,
        index: usize,
        commit_fails: bool,
        rollback_fails: bool,
    ) -> Stage {
        let name = &block.name;
        Stage::new()
            .on_commit(hook(&self.log, format!("{name} commit {index}"), commit_fails))
            .on_rollback(hook(&self.log, format!("{name} rollback {index}"), rollback_fails))
    }

    /// Puts the records in that are to be there.
    async fn fill(&self, block: &Block) {
        if block.write == Write::Exists {
            self.store.write_value(&block.key().unwrap(), &1, None).await.unwrap();
        }
        for step in &block.steps {
            if let Step::Inside(block) = step {
                Box::pin(self.fill(block)).await;
            }
        }
    }

    async fn outcome(self, tree: &Block) -> Outcome {
        let begun = self.begun.lock().unwrap().clone();
        let mut log = self.log.lock().unwrap().clone();
        let mut names = Vec::new();
        written(tree, &mut names);
        for (name, key) in names {
            if self.store.exists(&key).await.unwrap() {
                log.push(format!("{name} written"));
            }
        }
        let failures = begun[0].failures().len();
        Outcome { log, states: begun.iter().map(Transaction::state).collect(), failures }
    }
}

/// The blocks that write, with their keys.
fn written(block: &Block, found: &mut Vec<(String, String)>) {
    if matches!(block.write, Write::Works | Write::Fails) {
        found.extend(block.key().map(|key| (block.name.clone(), key)));
    }
    for step in &block.steps {
        if let Step::Inside(block) = step {
            written(block, found);
        }
    }
}

#[derive(Debug)]
pub(super) struct Failed;

impl From<TransactionError> for Failed {
    fn from(error: TransactionError) -> Self {
        panic!("a transaction could not begin: {error}")
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Failed>> + Send + 'a>>;

/// With `begin` and `leave`.
fn by_hand<'a>(world: &'a World, block: &'a Block, parent: Option<Transaction>) -> Running<'a> {
    Box::pin(async move {
        let txn = Transaction::new(world.options(block), parent);
        txn.begin().await?;
        world.begin(&txn);
        let code = async {
            for (index, step) in block.steps.iter().enumerate() {
                match step {
                    Step::Stage { commit_fails, rollback_fails } => {
                        txn.stage(world.stage(block, index, *commit_fails, *rollback_fails));
                    }
                    Step::Inside(inside) => {
                        let result = by_hand(world, inside, Some(txn.clone())).await;
                        if inside.raises {
                            result?;
                        }
                    }
                    Step::Commit => drop(txn.commit().await),
                    Step::RollBack => drop(txn.rollback().await),
                    Step::Fail => return Err(Failed),
                }
            }
            Ok(())
        };
        let result = code.await;
        txn.leave(result.is_err()).await;
        result
    })
}

/// With `scope`.
fn scoped<'a>(world: &'a World, block: &'a Block) -> Running<'a> {
    Box::pin(transaction_like(world, block).scope(move |txn| async move {
        world.begin(&txn);
        for (index, step) in block.steps.iter().enumerate() {
            pause().await;
            match step {
                Step::Stage { commit_fails, rollback_fails } => {
                    txn.stage(world.stage(block, index, *commit_fails, *rollback_fails));
                }
                Step::Inside(inside) => {
                    let result = scoped(world, inside).await;
                    if inside.raises {
                        result?;
                    }
                }
                Step::Commit => drop(txn.commit().await),
                Step::RollBack => drop(txn.rollback().await),
                Step::Fail => return Err(Failed),
            }
        }
        Ok(())
    }))
}

/// With `in_scope`.
fn in_scope(world: &World, block: &Block) -> Result<(), Failed> {
    transaction_like(world, block).in_scope(|txn| {
        world.begin(&txn);
        for (index, step) in block.steps.iter().enumerate() {
            match step {
                Step::Stage { commit_fails, rollback_fails } => {
                    txn.stage(world.stage(block, index, *commit_fails, *rollback_fails));
                }
                Step::Inside(inside) => {
                    let result = in_scope(world, inside);
                    if inside.raises {
                        result?;
                    }
                }
                Step::Commit => drop(crate::runner::block_on(txn.commit())),
                Step::RollBack => drop(crate::runner::block_on(txn.rollback())),
                Step::Fail => return Err(Failed),
            }
        }
        Ok(())
    })
}

fn transaction_like(world: &World, block: &Block) -> TransactionOptions {
    // The public function, so that it is what the tests go through.
    drop(transaction());
    world.options(block)
}

/// Runs the tree in every form. All must agree.
pub(super) fn run(tree: &Block) -> Outcome {
    let block_on = |world: World, code: Running<'_>| {
        crate::runner::block_on(async {
            world.fill(tree).await;
            drop(code.await);
            world.outcome(tree).await
        })
    };
    let world = World::default();
    let by_hand = block_on(world.clone(), by_hand(&world, tree, None));
    let world = World::default();
    let scoped = block_on(world.clone(), scoped(&world, tree));
    let world = World::default();
    let in_scope = block_on(
        world.clone(),
        Box::pin(async {
            std::thread::scope(|threads| threads.spawn(|| in_scope(&world, tree)).join().unwrap())
        }),
    );
    assert_eq!(by_hand, scoped, "`scope` differs");
    assert_eq!(by_hand, in_scope, "`in_scope` differs");
    by_hand
}

/// A transaction of the model.
struct Modelled<'a> {
    block: &'a Block,
    mode: CommitMode,
    parent: Option<usize>,
    state: TransactionState,
    /// Rolled back, or tried to be.
    undone: bool,
    waiting: Vec<usize>,
    commits: Vec<(usize, bool)>,
    rollbacks: Vec<(usize, bool)>,
}

#[derive(Default)]
pub(super) struct Model<'a> {
    txns: Vec<Modelled<'a>>,
    log: Vec<String>,
    written: Vec<String>,
    failures: usize,
}

impl<'a> Model<'a> {
    /// What must come of the tree.
    pub(super) fn of(tree: &'a Block) -> Outcome {
        let mut model = Self::default();
        model.block(tree, None);
        let mut names = Vec::new();
        written(tree, &mut names);
        let mut log = model.log;
        names.retain(|(name, _)| model.written.contains(name));
        log.extend(names.into_iter().map(|(name, _)| format!("{name} written")));
        let states = model.txns.iter().map(|txn| txn.state).collect();
        Outcome { log, states, failures: model.failures }
    }

    /// True if it failed.
    fn block(&mut self, block: &'a Block, parent: Option<usize>) -> bool {
        let me = self.txns.len();
        let inherited = parent.map_or(CommitMode::Lazy, |parent| self.txns[parent].mode);
        self.txns.push(Modelled {
            block,
            mode: block.mode.unwrap_or(inherited),
            parent,
            state: if block.write == Write::Exists { Committed } else { Active },
            undone: false,
            waiting: Vec::new(),
            commits: Vec::new(),
            rollbacks: Vec::new(),
        });
        let failed = self.code(me);
        self.leave(me, failed);
        failed
    }

    fn code(&mut self, me: usize) -> bool {
        let block = self.txns[me].block;
        for (index, step) in block.steps.iter().enumerate() {
            match step {
                Step::Stage { commit_fails, rollback_fails } => {
                    let txn = &mut self.txns[me];
                    if txn.state != Committed {
                        txn.commits.push((index, *commit_fails));
                        txn.rollbacks.push((index, *rollback_fails));
                        (txn.state, txn.undone) = (Staged, false);
                    }
                }
                Step::Inside(inside) => {
                    let failed = self.block(inside, Some(me));
                    if failed && inside.raises {
                        return true;
                    }
                }
                Step::Commit => self.commit(me),
                Step::RollBack => self.roll_back(me),
                Step::Fail => return true,
            }
        }
        false
    }

    fn leave(&mut self, me: usize, failed: bool) {
        let parent = self.txns[me].parent;
        if failed {
            self.roll_back(me);
        } else if !self.txns[me].undone {
            match (self.txns[me].mode, parent) {
                (CommitMode::Eager, _) | (CommitMode::Lazy, None) => self.commit(me),
                (CommitMode::Off, None) => self.roll_back(me),
                _ => {}
            }
        }
        if self.txns[me].undone {
            // What came after the rollback.
            self.roll_back_waiting(me);
        }
        let Some(parent) = parent else { return };
        if self.txns[me].undone {
            if !self.txns[parent].undone {
                self.roll_back(parent);
            }
        } else if self.txns[me].state != Committed {
            if self.txns[parent].state == Committed {
                self.commit(me);
            } else {
                self.txns[parent].waiting.push(me);
            }
        }
    }

    fn commit(&mut self, me: usize) {
        if self.txns[me].undone || self.txns[me].state == Committed {
            return;
        }
        for child in std::mem::take(&mut self.txns[me].waiting) {
            self.commit(child);
        }
        let name = &self.txns[me].block.name;
        let mut works = true;
        for (index, fails) in std::mem::take(&mut self.txns[me].commits) {
            self.log.push(format!("{name} commit {index}"));
            if fails {
                works = false;
                break;
            }
        }
        if works {
            match self.txns[me].block.write {
                Write::Works => self.written.push(name.clone()),
                Write::Fails => works = false,
                Write::None | Write::Exists => {}
            }
        }
        if works {
            self.txns[me].state = Committed;
        } else {
            self.failures += 1;
            self.roll_back(me);
        }
    }

    fn roll_back(&mut self, me: usize) {
        if matches!(self.txns[me].state, Committed | RolledBack) {
            return;
        }
        self.txns[me].undone = true;
        self.txns[me].commits.clear();
        while let Some((index, fails)) = self.txns[me].rollbacks.last().copied() {
            self.log.push(format!("{} rollback {index}", self.txns[me].block.name));
            if fails {
                self.failures += 1;
                break;
            }
            self.txns[me].rollbacks.pop();
        }
        if self.txns[me].rollbacks.is_empty() {
            self.txns[me].state = RolledBack;
        }
        self.roll_back_waiting(me);
    }

    fn roll_back_waiting(&mut self, me: usize) {
        for child in std::mem::take(&mut self.txns[me].waiting).into_iter().rev() {
            self.roll_back(child);
        }
    }
}
