//! Results that must not be mistaken for others, and ends that must not be lost: each was wrong once.

#![allow(
    unused_variables,
    reason = "arguments tell calls apart, whether or not the function looks at them"
)]

use context::prelude::*;
use context::testing::Harness;
use context::{Client, TaskDefinition, TaskRun, get_transaction};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

/// Cannot be serialized.
#[derive(Clone)]
struct Opaque(u32);

#[test]
fn an_argument_that_cannot_be_written_makes_no_storage_key() {
    #[task(result_storage_key = "who-{parameters[who]}")]
    fn ask(who: Opaque) -> u32 {
        who.0
    }
    #[flow]
    fn load() -> [u32; 2] {
        [ask(Opaque(1)), ask(Opaque(2))]
    }
    let report = Harness::new().run_blocking(load);
    assert_eq!(report.output, [1, 2]);
}

#[test]
fn flow_parameters_that_nobody_recorded_make_no_key() {
    #[task(cache_policy = inputs() + flow_parameters(), result_storage = "memory://")]
    fn rows(x: u32) -> String {
        format!("{x} of {:?}", DAY.load(SeqCst))
    }
    static DAY: AtomicU32 = AtomicU32::new(0);
    #[flow]
    fn load(day: u32) -> String {
        DAY.store(day, SeqCst);
        rows(1)
    }
    context::SyncClientContext::new(Client::off()).in_scope(|| {
        assert_eq!(load(1), "1 of 1");
        assert_eq!(load(2), "1 of 2");
    });
}

#[test]
fn flow_parameters_tell_keys_apart_under_the_default_client() {
    #[task(cache_policy = inputs() + flow_parameters(), result_storage = "memory://")]
    fn rows(x: u32) -> String {
        format!("{x} of {:?}", DAY.load(SeqCst))
    }
    static DAY: AtomicU32 = AtomicU32::new(0);
    #[flow]
    fn load(day: u32) -> String {
        DAY.store(day, SeqCst);
        rows(1)
    }
    assert_eq!(load(1), "1 of 1");
    assert_eq!(load(2), "1 of 2");
}

#[test]
fn a_running_hook_may_look_at_the_transaction_of_a_cached_task() {
    fn running(_: &'static TaskDefinition, _: TaskRun, _: State) {
        drop(get_transaction());
    }
    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[task(cache_policy = inputs(), on_running = running)]
    fn double(x: u32) -> u32 {
        CALLS.fetch_add(1, SeqCst);
        x * 2
    }
    #[flow]
    fn load() -> [u32; 2] {
        [double(1), double(1)]
    }
    let report = Harness::new().run_blocking(load);
    assert_eq!(report.output, [2, 2]);
    assert_eq!(CALLS.load(SeqCst), 1);
}

#[test]
fn a_running_hook_may_call_a_cached_task() {
    #[task(cache_policy = inputs())]
    fn note(x: u32) -> u32 {
        x
    }
    fn running(_: &'static TaskDefinition, _: TaskRun, _: State) {
        note(3);
    }
    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[task(cache_policy = inputs(), on_running = running)]
    fn double(x: u32) -> u32 {
        CALLS.fetch_add(1, SeqCst);
        x * 2
    }
    #[flow]
    fn load() -> [u32; 2] {
        [double(1), double(1)]
    }
    let report = Harness::new().run_blocking(load);
    assert_eq!(report.output, [2, 2]);
    assert_eq!(CALLS.load(SeqCst), 1);
}

use std::sync::Mutex;
static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn key(_: &context::KeyContext<'_>) -> String {
    let run = get_run_context();
    let s = match run {
        Ok(RunContext::Task(t)) => format!("task {}", t.task_name()),
        Ok(_) => "flow".to_owned(),
        Err(_) => "nothing".to_owned(),
    };
    SEEN.lock().unwrap().push(s.clone());
    s.replace(' ', "-")
}

#[tokio::test]
async fn key_functions_see_their_run() {
    #[task(cache_key_fn = key)]
    async fn one(x: u32) -> u32 {
        x
    }
    #[flow]
    async fn load() -> Result<u32, RunError> {
        one(1).await;
        one::submit(2).await
    }
    let report = Harness::new().run(load).await;
    let seen = std::mem::take(&mut *SEEN.lock().unwrap());
    assert_eq!(seen, ["task one", "task one"]);
}

#[tokio::test]
async fn a_run_that_is_dropped_while_it_commits_is_rolled_back() {
    static N: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    async fn slow(_: context::Transaction) {
        N.lock().unwrap().push("commit begins");
        tokio::time::sleep(Duration::from_millis(300)).await;
        N.lock().unwrap().push("committed");
    }
    fn undo(_: context::Transaction) {
        N.lock().unwrap().push("undone");
    }
    #[task(on_commit = slow, on_rollback = undo)]
    async fn write() -> u32 {
        1
    }
    #[flow]
    async fn load() -> bool {
        tokio::time::timeout(Duration::from_millis(100), write()).await.is_ok()
    }
    let report = Harness::new().run(load).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    println!("{} {:?}", report.transcript(), N.lock().unwrap());
    assert_eq!(*N.lock().unwrap(), ["commit begins", "undone"]);
}

#[test]
fn a_returned_state_comes_before_its_rollback() {
    fn fails(_: context::Transaction) -> Result<(), &'static str> {
        Err("no")
    }
    #[task(on_commit = fails)]
    fn write() -> State {
        State::completed().with_name("Skipped")
    }
    #[flow]
    fn load() {
        write();
    }
    let report = Harness::new().run_blocking(load);
    assert_eq!(report.states_of("write")[0], ["Pending", "Running", "Skipped", "RolledBack"]);
}

#[test]
fn secrets_tell_keys_apart() {
    #[task(cache_policy = inputs())]
    fn fetch(token: context::Secret<String>) -> String {
        token.expose().clone()
    }
    #[flow]
    fn load() -> [String; 2] {
        [fetch(context::Secret::new("a".to_owned())), fetch(context::Secret::new("b".to_owned()))]
    }
    assert_eq!(Harness::new().run_blocking(load).output, ["a", "b"]);
}

#[test]
fn secrets_are_not_kept_masked() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[task(cache_policy = inputs())]
    fn login(x: u32) -> context::Secret<String> {
        CALLS.fetch_add(1, SeqCst);
        context::Secret::new("abc".to_owned())
    }
    #[flow]
    fn load() -> [String; 2] {
        [login(1).into_exposed(), login(1).into_exposed()]
    }
    assert_eq!(Harness::new().run_blocking(load).output, ["abc", "abc"]);
}

#[test]
fn secrets_of_flows_tell_keys_apart() {
    static TOKEN: Mutex<String> = Mutex::new(String::new());
    #[task(cache_policy = inputs() + flow_parameters(), result_storage = "memory://secret-flows")]
    fn fetch(x: u32) -> String {
        TOKEN.lock().unwrap().clone()
    }
    #[flow]
    fn load(token: context::Secret<String>) -> String {
        *TOKEN.lock().unwrap() = token.expose().clone();
        fetch(1)
    }
    let all = Harness::new()
        .run_blocking(|| {
            [load(context::Secret::new("a".to_owned())), load(context::Secret::new("b".to_owned()))]
        })
        .output;
    assert_eq!(all, ["a", "b"]);
}

#[test]
fn infinities_tell_keys_apart() {
    #[task(cache_policy = inputs())]
    fn sign(x: f64) -> f64 {
        x.signum()
    }
    #[flow]
    fn load() -> [f64; 2] {
        [sign(f64::INFINITY), sign(f64::NEG_INFINITY)]
    }
    assert_eq!(Harness::new().run_blocking(load).output, [1.0, -1.0]);
}

#[test]
fn large_integers_tell_keys_apart() {
    #[task(cache_policy = inputs())]
    fn low(x: u128) -> u32 {
        x as u32
    }
    #[flow]
    fn load() -> [u32; 2] {
        [low((1 << 100) + 1), low((1 << 100) + 2)]
    }
    assert_eq!(Harness::new().run_blocking(load).output, [1, 2]);
}

#[test]
fn a_map_of_integers_has_prefects_key() {
    static KEYS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    // Python: json sorts the integers 2 < 10.
    #[task(cache_key_fn = |c: &context::KeyContext<'_>| { KEYS.lock().unwrap().push(c.inputs.text("x").unwrap().to_owned()); "k" })]
    fn one(x: std::collections::BTreeMap<u32, f64>) -> u32 {
        1
    }
    Harness::new().run_blocking(|| one([(2, f64::NAN), (10, 1e16)].into()));
    assert_eq!(*KEYS.lock().unwrap(), [r#"{"2": NaN, "10": 1e+16}"#]);
}

#[test]
fn large_integers_tell_storage_keys_apart() {
    #[task(result_storage_key = "low-{parameters[x]}")]
    fn low(x: u128) -> u32 {
        x as u32
    }
    #[flow]
    fn load() -> [u32; 2] {
        [low((1 << 100) + 1), low((1 << 100) + 2)]
    }
    assert_eq!(Harness::new().run_blocking(load).output, [1, 2]);
}

#[test]
fn infinities_make_no_storage_key() {
    #[task(result_storage_key = "sign-{parameters[x]}")]
    fn sign(x: f64) -> f64 {
        x.signum()
    }
    #[flow]
    fn load() -> [f64; 2] {
        [sign(f64::INFINITY), sign(f64::NEG_INFINITY)]
    }
    assert_eq!(Harness::new().run_blocking(load).output, [1.0, -1.0]);
}

#[test]
fn a_number_that_is_not_finite_is_not_kept() {
    #[task(cache_policy = inputs())]
    fn one(x: u32) -> Option<f64> {
        Some(f64::INFINITY)
    }
    #[flow]
    fn load() -> [Option<f64>; 2] {
        [one(1), one(1)]
    }
    assert_eq!(Harness::new().run_blocking(load).output, [Some(f64::INFINITY); 2]);
}

async fn slow_hook(_: &'static TaskDefinition, _: TaskRun, _: State) {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn hooks_do_not_use_up_the_timeout() {
    #[task(timeout = "150ms", on_running = slow_hook)]
    async fn quick() -> Result<u32, RunError> {
        Ok(1)
    }
    assert_eq!(Harness::new().run(quick).await.output.map_err(|e| e.to_string()), Ok(1));
}

#[test]
fn hooks_do_not_use_up_the_timeout_of_plain_functions() {
    #[task(timeout = "150ms", on_running = slow_hook)]
    fn quick() -> Result<u32, RunError> {
        Ok(1)
    }
    assert_eq!(Harness::new().run_blocking(quick).output.map_err(|e| e.to_string()), Ok(1));
}
