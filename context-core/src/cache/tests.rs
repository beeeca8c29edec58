use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::*;
use crate::id::{FlowRunId, TaskRunId};
use crate::results::MemoryLockManager;

/// What Prefect computes. `tests/data/cache-keys.py` says how it is written down.
fn vectors(section: &str) -> &'static [Value] {
    static VECTORS: OnceLock<Value> = OnceLock::new();
    let vectors = VECTORS.get_or_init(|| {
        serde_json::from_str(include_str!("../../tests/data/cache-keys.json")).unwrap()
    });
    vectors[section].as_array().unwrap()
}

/// A value of Python, from its tagged form.
#[derive(Clone, Debug)]
struct Python<'a>(&'a Value);

impl Serialize for Python<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(tagged) = self.0 else { return self.0.serialize(serializer) };
        let (tag, value) = tagged.iter().next().unwrap();
        let text = || value.as_str().unwrap();
        let items = || value.as_array().unwrap().iter();
        match tag.as_str() {
            "int" => match text().parse::<i128>() {
                Ok(number) => number.serialize(serializer),
                Err(_) => text().parse::<u128>().unwrap().serialize(serializer),
            },
            "float" => text().parse::<f64>().unwrap().serialize(serializer),
            "str" => text().serialize(serializer),
            "list" => serializer.collect_seq(items().map(Self)),
            "map" => {
                serializer.collect_map(items().map(|row| (row[0].as_str().unwrap(), Self(&row[1]))))
            }
            "intmap" => serializer.collect_map(
                items()
                    .map(|row| (row[0].as_str().unwrap().parse::<i64>().unwrap(), Self(&row[1]))),
            ),
            _ => panic!("{tag} is not a tag"),
        }
    }
}

fn key_inputs(rows: &Value) -> KeyInputs {
    let mut inputs = KeyInputs::new();
    for row in rows.as_array().unwrap() {
        inputs.add(row[0].as_str().unwrap().to_owned(), &Python(&row[1]));
    }
    inputs
}

fn policy(node: &Value) -> CachePolicy {
    match node.as_str() {
        Some("DEFAULT") => default_policy(),
        Some("INPUTS") => inputs(),
        Some("TASK_SOURCE") => task_source(),
        Some("RUN_ID") => run_id(),
        Some("FLOW_PARAMETERS") => flow_parameters(),
        Some("NO_CACHE") => no_cache(),
        Some("KEY_FN") => cache_key_fn(|_| "own key"),
        Some("KEY_FN_NONE") => cache_key_fn(|_| None::<String>),
        Some(name) => panic!("{name} is not a policy"),
        None if node[0] == "+" => policy(&node[1]) + policy(&node[2]),
        None => policy(&node[1]) - node[2].as_str().unwrap(),
    }
}

#[test]
fn keys_are_those_of_prefect() {
    for case in vectors("cases") {
        let text = |field: &str| case[field].as_str();
        let inputs = key_inputs(&case["inputs"]);
        let parameters = key_inputs(&case["flow_parameters"]);
        let source = CodeSource::new(text("source").unwrap().to_owned());
        let context = KeyContext {
            flow_run_id: text("flow_run").map(|id| id.parse().unwrap()),
            source: Some(&source),
            flow_parameters: Some(&parameters),
            ..KeyContext::new(text("task_run").unwrap().parse().unwrap(), &inputs)
        };
        let policy = policy(&case["policy"]);
        let key = policy.compute_key(&context).unwrap();
        assert_eq!(key.as_deref(), text("key"), "{policy} in {case}");
        // What is remembered is what was computed.
        assert_eq!(policy.compute_key(&context).unwrap(), key);
    }
}

#[test]
fn floats_are_those_of_python() {
    for vector in vectors("floats") {
        let bits = u64::from_str_radix(vector[0].as_str().unwrap(), 16).unwrap();
        let mut text = String::new();
        python::write(&mut text, &f64::from_bits(bits)).unwrap();
        assert_eq!(text, vector[1].as_str().unwrap());
    }
}

#[test]
fn hashes_are_those_of_prefect() {
    for vector in vectors("hashes") {
        let arguments: Vec<_> = vector[0].as_array().unwrap().iter().map(Python).collect();
        assert_eq!(hash_objects(&arguments).unwrap(), vector[1].as_str().unwrap());
    }
    assert_eq!(hash_objects("a").unwrap(), hash_objects(&["a"]).unwrap());
    assert_eq!(hash_objects(&("a", "b")).unwrap(), hash_objects(&["a", "b"]).unwrap());
}

fn task_run() -> TaskRunId {
    "0190163d-8695-7fff-8000-000000000001".parse().unwrap()
}

fn page_inputs() -> KeyInputs {
    let mut inputs = KeyInputs::new();
    inputs.add("page", &3);
    inputs.add("url", "https://example.com");
    inputs.add_unserializable("lock", "`Mutex<File>` is not `Serialize`");
    inputs
}

fn key_of(policy: &CachePolicy, inputs: &KeyInputs) -> Result<Option<String>, CacheKeyError> {
    policy.compute_key(&KeyContext::new(task_run(), inputs))
}

#[test]
fn an_input_that_cannot_be_hashed_is_named() {
    let inputs = page_inputs();
    let error = key_of(&default_policy(), &inputs).unwrap_err();
    assert_eq!(
        error.to_string(),
        "input `lock` cannot be part of a cache key: `Mutex<File>` is not `Serialize`; \
         exclude it with `- \"lock\"`, or use `cache_key_fn` or `no_cache()`"
    );
    let mut rest = KeyInputs::new();
    rest.add("page", &3);
    rest.add("url", "https://example.com");
    let without = super::inputs() - "lock";
    assert_eq!(key_of(&without, &inputs).unwrap(), key_of(&super::inputs(), &rest).unwrap());
    assert!(key_of(&run_id(), &inputs).is_ok());
}

#[test]
fn a_flow_parameter_that_cannot_be_hashed_is_named() {
    let parameters = page_inputs();
    let inputs = KeyInputs::new();
    let context =
        KeyContext { flow_parameters: Some(&parameters), ..KeyContext::new(task_run(), &inputs) };
    let error = flow_parameters().compute_key(&context).unwrap_err();
    assert!(error.to_string().starts_with("parameter `lock` of the flow cannot"), "{error}");
}

#[test]
fn what_is_unknown_has_no_key() {
    let inputs = KeyInputs::new();
    for policy in [super::inputs(), task_source(), flow_parameters(), no_cache()] {
        assert_eq!(key_of(&policy, &inputs), Ok(None), "{policy}");
    }
    assert_eq!(key_of(&run_id(), &inputs), Ok(Some(task_run().to_string())));
    let flow_run: FlowRunId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
    let in_flow =
        KeyContext { flow_run_id: Some(flow_run), ..KeyContext::new(task_run(), &inputs) };
    assert_eq!(run_id().compute_key(&in_flow), Ok(Some(flow_run.to_string())));
}

#[test]
fn key_functions_see_the_run_and_may_fail() {
    let inputs = page_inputs();
    let context = KeyContext {
        task_name: "fetch",
        task_key: "web.fetch",
        ..KeyContext::new(task_run(), &inputs)
    };
    let key = |policy: CachePolicy| policy.compute_key(&context);
    let by_page = cache_key_fn(|context| {
        let page: u32 = context.parameter("page")?;
        Ok::<_, CacheKeyError>(Some(format!("{}-{page}", context.task_key)))
    });
    assert_eq!(key(by_page).unwrap().as_deref(), Some("web.fetch-3"));
    assert_eq!(
        key(cache_key_fn(|context| context.task_run_id.to_string())).unwrap(),
        Some(task_run().to_string())
    );
    assert_eq!(key(cache_key_fn(|context| context.flow_run_id.map(|id| id.to_string()))), Ok(None));
    let failing = cache_key_fn(|_| Err::<String, _>("no luck"));
    assert_eq!(key(failing).unwrap_err().to_string(), "the cache key function failed: no luck");
    assert_eq!(key(cache_key_fn(|_| "")), Err(CacheKeyError::Empty));
    for (name, reason) in
        [("size", "no parameter of this name"), ("lock", "Mutex"), ("url", "invalid type")]
    {
        let text = context.parameter::<u32>(name).unwrap_err().to_string();
        assert!(text.contains(&format!("`{name}`")) && text.contains(reason), "{text}");
    }
    let text = context.flow_parameter::<u32>("day").unwrap_err().to_string();
    assert!(text.contains("not called by a flow"), "{text}");
}

#[test]
fn policies_show_what_they_are_made_of() {
    let shown = [
        (default_policy(), "TASK_SOURCE + RUN_ID + INPUTS"),
        (default_policy() - ["b", "a", "b"], "TASK_SOURCE + RUN_ID + INPUTS - \"a\" - \"b\""),
        (
            inputs() + cache_key_fn(|_| "k") + flow_parameters(),
            "cache_key_fn + FLOW_PARAMETERS + INPUTS",
        ),
        (run_id() - String::from("a") - vec!["b"] - &["c"][..], "RUN_ID"),
        (no_cache() + no_cache(), "NO_CACHE"),
    ];
    for (policy, text) in shown {
        assert_eq!(policy.to_string(), text);
        assert!(format!("{policy:?}").contains(text));
    }
}

#[test]
fn a_policy_says_what_it_needs() {
    assert!(default_policy().uses_inputs() && !default_policy().uses_flow_parameters());
    assert!(cache_key_fn(|_| "k").uses_inputs() && cache_key_fn(|_| "k").uses_flow_parameters());
    assert!((run_id() + flow_parameters()).uses_flow_parameters());
    assert!(!(run_id() + task_source()).uses_inputs());
    assert!(no_cache().is_no_cache() && !no_cache().uses_inputs() && !run_id().is_no_cache());
}

fn locks() -> Arc<MemoryLockManager> {
    Arc::new(MemoryLockManager::isolated())
}

fn storage(name: &str) -> Storage {
    Storage::parse(&format!("memory://cache-tests-{name}")).unwrap()
}

#[test]
fn a_configuration_is_kept_by_sums_and_differences() {
    let locks: Arc<dyn LockManager> = locks();
    let plain = inputs();
    let configured: CachePolicy = plain
        .configure()
        .key_storage(storage("a"))
        .isolation_level(IsolationLevel::Serializable)
        .lock_manager(Arc::clone(&locks))
        .into();
    assert!(plain.key_storage().is_none() && plain.isolation_level().is_none());
    let same = run_id().configure().lock_manager(Arc::clone(&locks));
    for policy in [
        configured.clone() + run_id(),
        run_id() + configured.clone(),
        configured.clone() - "x",
        configured.clone() + no_cache(),
        no_cache() + configured.clone(),
        same + configured - ["x"],
    ] {
        assert_eq!(policy.problem(), None);
        assert_eq!(policy.key_storage(), Some(&storage("a")));
        assert_eq!(policy.isolation_level(), Some(IsolationLevel::Serializable));
        assert!(Arc::ptr_eq(policy.lock_manager().unwrap(), &locks));
    }
}

#[test]
fn different_configurations_are_a_problem_of_the_sum() {
    let base = || inputs().configure();
    let pairs = [
        (
            base().key_storage(storage("a")),
            base().key_storage(storage("b")),
            CachePolicyError::DifferentKeyStorages,
        ),
        (
            base().isolation_level(IsolationLevel::Serializable),
            base().isolation_level(IsolationLevel::ReadCommitted),
            CachePolicyError::DifferentIsolationLevels,
        ),
        (
            base().lock_manager(locks()),
            base().lock_manager(locks()),
            CachePolicyError::DifferentLockManagers,
        ),
    ];
    for (one, other, problem) in pairs {
        let sum = one + other + run_id() - "x";
        assert_eq!(sum.problem(), Some(&problem));
        let error = key_of(&sum, &page_inputs()).unwrap_err();
        assert_eq!(error, CacheKeyError::Policy(problem));
        assert!(error.to_string().contains("the added cache policies have different"), "{error}");
    }
}

#[test]
fn inputs_show_their_values() {
    let inputs = page_inputs();
    assert_eq!(inputs.len(), 3);
    assert!(inputs.names().eq(["page", "url", "lock"]));
    assert_eq!(inputs.text("url"), Ok("\"https://example.com\""));
    let shown = format!("{inputs:?}");
    assert_eq!(
        shown,
        r#"{"page": 3, "url": "https://example.com", "lock": <`Mutex<File>` is not `Serialize`>}"#
    );
}

#[test]
fn an_input_that_is_added_later_counts() {
    let mut inputs = KeyInputs::new();
    inputs.add("x", &1);
    let first = key_of(&super::inputs(), &inputs).unwrap();
    inputs.add("y", &1);
    assert_ne!(key_of(&super::inputs(), &inputs).unwrap(), first);
}

#[test]
fn a_shared_inputs_hash_is_computed_once() {
    struct Counted<'a>(&'a AtomicUsize);
    impl Serialize for Counted<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.fetch_add(1, Ordering::Relaxed);
            serializer.serialize_unit()
        }
    }
    let calls = AtomicUsize::new(0);
    let mut inputs = KeyInputs::new();
    inputs.add("x", &Counted(&calls));
    let keys: Vec<_> = (0..3).map(|_| key_of(&super::inputs(), &inputs)).collect();
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

proptest! {
    #[test]
    fn the_order_of_inputs_does_not_count(
        values in proptest::collection::btree_map("[a-zé]{0,4}", any::<i64>(), 1..6),
        excluded in "[a-zé]{0,4}",
    ) {
        let (mut forward, mut backward) = (KeyInputs::new(), KeyInputs::new());
        values.iter().for_each(|(name, value)| forward.add(name.clone(), value));
        values.iter().rev().for_each(|(name, value)| backward.add(name.clone(), value));
        let policy = default_policy() - excluded;
        prop_assert_eq!(key_of(&policy, &forward), key_of(&policy, &backward));
    }

    #[test]
    fn another_value_is_another_key(a in any::<String>(), b in any::<String>()) {
        let of = |value: &str| {
            let mut inputs = KeyInputs::new();
            inputs.add("x", value);
            key_of(&super::inputs(), &inputs).unwrap()
        };
        prop_assert_eq!(of(&a) == of(&b), a == b);
    }
}
