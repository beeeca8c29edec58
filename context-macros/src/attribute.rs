//! The pipeline of `#[flow]`, `#[task]` and `#[materialize]`: parse, model, check, expand.
//!
//! Whatever goes wrong, the user's function is emitted, with its handle if it would have one, so that a mistake in an
//! attribute is the only error that the user sees. Options that are at fault take all options with them.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};

use crate::diagnostics::Sink;
use crate::model::{Kind, Paths, Run};
use crate::{cfg, check, expand, parse};

/// Expands one attribute macro.
pub(crate) fn run(kind: Kind, attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut sink = Sink::default();
    let arguments = parse::arguments(attribute.clone(), &mut sink);
    let function = match parse::function(kind.attribute(), item.clone()) {
        Ok(function) => function,
        Err(error) => {
            sink.take(error);
            let errors = sink.into_tokens();
            return quote!(#errors #item);
        }
    };
    if sink.is_empty()
        && let Some(variants) = cfg::split(kind, &Paths::find(&arguments), &attribute, &function)
    {
        return variants;
    }

    let mut run = Run::new(kind, arguments, function, &mut sink);
    if !check::signature(&run, &mut sink) {
        let errors = sink.into_tokens();
        let function = check::without_twins(&run.function).into_token_stream();
        let stub = expand::stub(&run);
        return quote!(#errors #function #stub);
    }
    check::options(&run, &mut sink);
    if !sink.is_empty() {
        run.settings.clear();
    }
    let expansion = expand::run(&run);
    let errors = sink.into_tokens();
    quote!(#errors #expansion)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn independent_mistakes_are_all_reported_and_the_function_stays_usable() {
        let expansion = run(
            Kind::Task,
            quote!(bogus = 1, retries = "three", timeout = "30s"),
            quote!(
                fn f(wait_for: u8) -> u8 {
                    1
                }
            ),
        )
        .to_string();
        for message in
            ["unsupported `#[task]` option `bogus`", "`retries` is a whole number", "`wait_for`"]
        {
            assert!(expansion.contains(message), "{message}: {expansion}");
        }
        assert!(expansion.contains("handle_equals_false ! { struct f }"));
        assert!(!expansion.contains(". retries"));
    }

    fn only_error(kind: Kind, attribute: TokenStream, item: TokenStream) -> String {
        let expansion = run(kind, attribute, item).to_string();
        let mut errors = expansion.split("compile_error ! {").skip(1);
        let error = errors.next().and_then(|rest| rest.split('}').next()).unwrap_or_default();
        assert_eq!(errors.next(), None, "one mistake, one error");
        error.trim().to_owned()
    }

    #[test]
    fn rules_between_options_and_function_report_once() {
        for (attribute, item, message) in [
            (
                quote!(retries = 1),
                quote!(
                    fn f(x: &mut u8) {}
                ),
                "`&mut` argument",
            ),
            (
                quote!(retries = 1),
                quote!(
                    fn f(&mut self) {}
                ),
                "`retries` needs `&self`",
            ),
            (
                quote!(retries = 1),
                quote!(
                    fn f(self: Arc<Self>) {}
                ),
                "`retries` needs `&self`",
            ),
            (
                quote!(timeout = "1s"),
                quote!(
                    fn f() -> u8 {
                        1
                    }
                ),
                "`timeout` needs a `Result`",
            ),
            (
                quote!(handle = Name),
                quote!(
                    fn f(&self) {}
                ),
                "a method has no handle",
            ),
            (
                quote!(task_run_name = "of [x]"),
                quote!(
                    const fn f() {}
                ),
                "`const fn`",
            ),
            (
                quote!(),
                quote!(
                    unsafe fn f() {}
                ),
                "`unsafe fn`",
            ),
            (
                quote!(),
                quote!(
                    extern "C" fn f() {}
                ),
                "`extern` function",
            ),
            (
                quote!(),
                quote!(
                    #[tokio::main]
                    async fn main() {}
                ),
                "must stand below `#[tokio::main]`",
            ),
            (
                quote!(),
                quote!(
                    #[task]
                    fn f() {}
                ),
                "not twice",
            ),
            (
                quote!(),
                quote!(
                    fn f(return_state: u8) {}
                ),
                "`return_state`",
            ),
        ] {
            let error = only_error(Kind::Task, attribute, item);
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn options_about_results_that_undo_each_other_report_once() {
        let dropped =
            |option: &str, beside: &str| format!("`{option}` has no effect beside {beside}");
        let not_kept = "`persist_result = false`";
        let storage_key = "`result_storage_key`";
        for (attribute, message) in [
            (
                quote!(cache_key_fn = f, cache_policy = inputs()),
                dropped("cache_policy", "`cache_key_fn`"),
            ),
            (
                quote!(cache_policy = None, cache_key_fn = f),
                dropped("cache_policy", "`cache_key_fn`"),
            ),
            (quote!(cache_policy = p, persist_result = false), dropped("cache_policy", not_kept)),
            (quote!(persist_result = false, cache_key_fn = f), dropped("cache_key_fn", not_kept)),
            (
                quote!(persist_result = false, result_storage_key = "k"),
                dropped("result_storage_key", not_kept),
            ),
            (
                quote!(persist_result = false, cache_policy = None, cache_expiration = "1d"),
                dropped("cache_expiration", not_kept),
            ),
            (
                quote!(result_storage_key = "k", cache_policy = p),
                dropped("cache_policy", storage_key),
            ),
            (
                quote!(result_storage_key = "k", cache_key_fn = f),
                dropped("cache_key_fn", storage_key),
            ),
            (
                quote!(cache_expiration = "1d", cache_policy = no_cache()),
                dropped("cache_expiration", "this `cache_policy`"),
            ),
        ] {
            let error = only_error(
                Kind::Task,
                attribute,
                quote!(
                    fn f() {}
                ),
            );
            assert!(error.contains(&message), "{error}");
        }
    }

    #[test]
    fn options_about_results_that_depend_on_others_are_allowed() {
        for attribute in [
            quote!(cache_expiration = "1d"),
            quote!(cache_policy = no_cache(), persist_result = false),
            quote!(cache_policy = None, persist_result = false),
            quote!(cache_policy = inputs(), persist_result = KEEP),
            quote!(cache_policy = None, result_storage_key = "k", cache_expiration = "1d"),
            quote!(cache_policy = no_cache(), persist_result = true, result_storage_key = "k"),
            quote!(persist_result = false, result_storage = "s3://b", result_serializer = "json"),
            quote!(refresh_cache = true, cache_key_fn = f),
        ] {
            let expansion = run(
                Kind::Task,
                attribute.clone(),
                quote!(
                    fn f() {}
                ),
            )
            .to_string();
            assert!(!expansion.contains("compile_error"), "{attribute}: {expansion}");
        }
    }

    #[test]
    fn methods_and_shared_receivers_may_retry() {
        for item in [
            quote!(
                fn f(&self) {}
            ),
            quote!(
                fn f(self: &Self) {}
            ),
            quote!(
                fn f(x: &u8) {}
            ),
        ] {
            let expansion = run(Kind::Task, quote!(retries = 1), item).to_string();
            assert!(
                !expansion.contains("compile_error") && expansion.contains("Retried"),
                "{expansion}"
            );
        }
    }

    #[test]
    fn what_is_not_a_function_is_emitted_unchanged() {
        let expansion = run(
            Kind::Flow,
            quote!(),
            quote!(
                struct S;
            ),
        )
        .to_string();
        assert!(expansion.ends_with("struct S ;"), "{expansion}");
    }
}
