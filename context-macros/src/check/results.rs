//! Options about results that leave each other without effect.
//!
//! Prefect drops one of the two, with a warning or without. Only what is certain is reported: an option whose value is
//! computed, a flow that persists, and settings may all give the others a meaning. An expiration alone is therefore
//! fine: it applies where the flow or a setting persists results.

use crate::diagnostics::Sink;
use crate::model::{Run, Setting};
use crate::tokens::has_lifetimes;

/// Checks what the options say about the function's results.
pub(crate) fn check(run: &Run, sink: &mut Sink) {
    if run.keeps_result() && has_lifetimes(run.output.ty.clone()) {
        sink.at(
            &run.output.ty,
            "a value that is kept as a result must own all it holds: return `String` for `&str`, `Vec<T>` for `&[T]`, or remove the option that keeps it",
        );
    }
    let setting = |name| run.setting(name);
    let policy = setting("cache_policy");
    let effective_policy = policy.filter(|policy| !policy.value.is_no_policy());
    let key_function = setting("cache_key_fn");
    let storage_key = setting("result_storage_key");
    let expiration = setting("cache_expiration");
    let persists = !setting("persist_result").is_some_and(|persist| persist.value.is_false());

    if let (Some(policy), Some(_)) = (policy, key_function) {
        let reason = "`cache_key_fn`, which decides alone when a result is found again";
        without_effect(policy, reason, sink);
    }
    if !persists {
        let affected = [effective_policy, key_function, storage_key, expiration];
        if let Some(first) = affected.into_iter().flatten().next() {
            without_effect(first, "`persist_result = false`, which keeps no result", sink);
        }
        return;
    }
    match (effective_policy.or(key_function), storage_key) {
        (Some(policy), Some(_)) => {
            let reason = "`result_storage_key`, which is the key of every result";
            without_effect(policy, reason, sink);
        }
        (None, None) => {
            if let (Some(expiration), Some(_)) = (expiration, policy) {
                let reason = "this `cache_policy`, under which no result is found again";
                without_effect(expiration, reason, sink);
            }
        }
        _ => {}
    }
}

fn without_effect(setting: &Setting, reason: &str, sink: &mut Sink) {
    let option = &setting.option;
    sink.at(option, format!("`{option}` has no effect beside {reason}; remove one of the two"));
}
