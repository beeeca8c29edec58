//! Expansions as people read them: one for each interesting shape.
//!
//! `INSTA_UPDATE=always cargo test -p context-macros` rewrites the files in `snapshots/`; the diff is the review.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use crate::model::Kind;
use crate::{attribute, current_run, main_function, tags};

/// The most lines that the expansion of a plain task may have: what is the same for all functions stands in core's
/// `private::macros`.
const BUDGET: usize = 40;

fn pretty(tokens: TokenStream) -> String {
    only_our_paths(&tokens);
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error} in {tokens}"));
    prettyplease::unparse(&file)
}

fn task(attribute: TokenStream, item: TokenStream) -> String {
    pretty(attribute::run(Kind::Task, attribute, item))
}

fn tagged(input: TokenStream) -> String {
    let expansion = tags::run(input);
    pretty(quote!(fn f() { let value = #expansion; }))
}

/// Every path that is absolute begins with the crates that an expansion may name.
///
/// The inputs of these tests have no absolute paths of their own. Names that a user may shadow must not occur at all
/// unless they were in the input; the inputs use none of those either.
fn only_our_paths(tokens: &TokenStream) {
    const BANNED: [&str; 12] = [
        "Vec",
        "Box",
        "Option",
        "Some",
        "None",
        "Ok",
        "Err",
        "Future",
        "Send",
        "Infallible",
        "context_core",
        "std",
    ];
    fn walk(tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let colon =
            |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
        let ident = |at: usize| match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
            _ => None,
        };
        for at in 0..tokens.len() {
            if let TokenTree::Group(group) = &tokens[at] {
                walk(&group.stream());
            }
            let after_path = at >= 2 && colon(at - 1) && colon(at - 2);
            if let Some(name) = ident(at)
                && BANNED.contains(&name.as_str())
            {
                assert!(after_path, "`{name}` can be shadowed");
            }
            let qualified = at >= 1
                && (ident(at - 1).is_some()
                    || matches!(&tokens[at - 1], TokenTree::Punct(p) if p.as_char() == '>'));
            if colon(at)
                && colon(at + 1)
                && !qualified
                && let Some(root) = ident(at + 2)
            {
                assert!(
                    ["context", "core", "std"].contains(&root.as_str()),
                    "`::{root}` is not ours"
                );
                if root == "context" {
                    let inside = ident(at + 5);
                    assert!(
                        inside.is_some_and(|inside| ["__private", "task", "flow", "materialize"]
                            .contains(&&*inside)),
                        "only `__private` may be named"
                    );
                }
            }
        }
    }
    walk(tokens);
}

#[test]
fn sync_task() {
    let expansion = task(
        quote!(),
        quote! {
            /// Adds one.
            pub fn add(x: u8) -> u8 { x + 1 }
        },
    );
    let lines = expansion.lines().count();
    assert!(lines <= BUDGET, "{lines} lines");
    insta::assert_snapshot!(expansion);
}

#[test]
fn async_task_with_options() {
    insta::assert_snapshot!(task(
        quote!(
            name = "load",
            retries = 3,
            retry_delay = ["1s", "1m 30s"],
            retry_jitter = 1,
            timeout = "30s",
            tags = ["io"],
            task_run_name = "fetch {url}"
        ),
        quote! {
            /// Downloads one page.
            ///
            /// Follows redirects.
            #[must_use]
            #[allow(unused)]
            #[instrument]
            pub(crate) async fn fetch(url: String, mut depth: u8) -> Result<Page, AppError> { body().await }
        },
    ));
}

#[test]
fn generic_task() {
    insta::assert_snapshot!(task(
        quote!(),
        quote! {
            fn count<T: Debug, const N: usize>(items: [T; N], more: Many<T>) -> usize where T: Clone { N }
        }
    ));
}

#[test]
fn task_with_patterns_and_raw_names() {
    insta::assert_snapshot!(task(
        quote!(handle = Swap),
        quote! {
            fn swap((a, b): (u8, u8), _: u8, r#type: u8) {}
        }
    ));
}

#[test]
fn task_that_borrows() {
    insta::assert_snapshot!(task(
        quote!(),
        quote! {
            async fn longest<'a>(a: &'a str, b: impl Display) -> &'a str { a }
        }
    ));
}

#[test]
fn task_that_never_returns() {
    insta::assert_snapshot!(task(
        quote!(),
        quote!(
            async fn serve() -> ! {
                loop {}
            }
        )
    ));
}

#[test]
fn async_method() {
    insta::assert_snapshot!(task(
        quote!(retries = 2),
        quote! {
            pub async fn get(&self, (a, _): (u8, u8)) -> Result<&str, Oops> { self.load(a).await }
        }
    ));
}

#[test]
fn sync_method() {
    insta::assert_snapshot!(task(
        quote!(),
        quote! {
            fn push(&mut self, mut c: char) -> &mut Self { self.0.push(c); self }
        }
    ));
}

#[test]
fn method_of_an_async_trait() {
    insta::assert_snapshot!(task(
        quote!(),
        quote! {
            fn load<'life0, 'async_trait>(&'life0 self, key: u8)
                -> ::core::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = u8> + ::core::marker::Send + 'async_trait>>
            where 'life0: 'async_trait
            { inner(self, key) }
        }
    ));
}

#[test]
fn conditional_argument() {
    insta::assert_snapshot!(task(
        quote!(retries = 1),
        quote! {
            fn f(a: u8, #[cfg(unix)] b: u8) {}
        }
    ));
}

#[test]
fn async_flow() {
    insta::assert_snapshot!(pretty(attribute::run(
        Kind::Flow,
        quote!(name = "daily", flow_run_name = "run {day}", retries = 1, retry_delay = "10s"),
        quote!(
            pub async fn crawl(day: u32) -> Result<usize, Oops> {
                work(day).await
            }
        ),
    )));
}

#[test]
fn flow_with_hooks_and_results() {
    insta::assert_snapshot!(pretty(attribute::run(
        Kind::Flow,
        quote!(
            persist_result = true,
            result_storage = BUCKET.join("nightly"),
            result_serializer = "json",
            cache_result_in_memory = false,
            task_runner = ConcurrentTaskRunner::new().max_workers(4),
            on_running = note,
            on_completion = [],
            on_failure = [page_me],
            on_cancellation = [note, async |_, _, _| clean().await],
            on_crashed = [a, b, c, d, e, f, g],
            log_prints = true
        ),
        quote!(
            fn crawl() {}
        ),
    )));
}

#[test]
fn task_with_hooks_and_results() {
    insta::assert_snapshot!(task(
        quote!(
            retries = 2,
            retry_condition = |_, _, state| state.is_crashed(),
            cache_policy = inputs() - "day" + task_source(),
            cache_expiration = "1d",
            refresh_cache = false,
            persist_result = true,
            result_storage = "s3://bucket/results",
            result_serializer = "compressed/json",
            cache_result_in_memory = true,
            on_completion = [note],
            on_failure = [note, page_me],
            on_commit = published,
            on_rollback = [remove],
            log_prints = false
        ),
        quote!(
            fn load(day: u32) -> u32 {
                day
            }
        ),
    ));
}

#[test]
fn task_with_a_storage_key() {
    insta::assert_snapshot!(task(
        quote!(
            result_storage_key = "{parameters[day]}/{flow_run.id}.json",
            cache_expiration = WEEK
        ),
        quote!(
            fn load(day: u32) -> u32 {
                day
            }
        ),
    ));
}

#[test]
fn materialized_asset() {
    insta::assert_snapshot!(pretty(attribute::run(
        Kind::Materialize,
        quote!("s3://bucket/rows", OTHER, by = "polars", asset_deps = ["https://example.com/raw"]),
        quote!(
            fn save(rows: Rows) -> usize {
                1
            }
        ),
    )));
}

#[test]
fn renamed_crate() {
    let expansion = attribute::run(
        Kind::Task,
        quote!(crate = ::context::renamed),
        quote!(
            fn f() {}
        ),
    )
    .to_string();
    assert!(expansion.contains(":: context :: renamed :: __private :: call_task_blocking"));
    assert!(!expansion.contains(":: context :: __private"));
}

#[test]
fn mistakes_keep_the_function() {
    insta::assert_snapshot!(task(
        quote!(retires = 3, timeout = 30),
        quote!(
            const fn f(x: u8) -> u8 {
                x
            }
        )
    ));
}

#[test]
fn async_main() {
    insta::assert_snapshot!(pretty(main_function::run(
        quote!(worker_threads = 4),
        quote!(
            #[allow(unused)]
            async fn main() -> Result<(), Oops> {
                work().await
            }
        ),
    )));
}

#[test]
fn sync_main() {
    insta::assert_snapshot!(pretty(main_function::run(
        quote!(),
        quote!(
            fn main() {
                work()
            }
        )
    )));
}

#[test]
fn tags_without_a_block() {
    insta::assert_snapshot!(tagged(quote!("b", "a", "b")));
}

#[test]
fn tags_in_synchronous_code() {
    insta::assert_snapshot!(tagged(quote!("b", name, {
        let x = load()?;
        x + 1
    })));
}

#[test]
fn tags_in_asynchronous_code() {
    insta::assert_snapshot!(tagged(quote!("a", {
        let (x, y) = tokio::join!(f(), g());
        h(x).await?
    })));
}

#[test]
fn tags_in_tags() {
    insta::assert_snapshot!(tagged(quote!("a", { tags!("b", { f().await }) })));
}

#[test]
fn current_run_of_each_kind() {
    let forms = [quote!(), quote!(flow), quote!(task)].map(current_run::run);
    insta::assert_snapshot!(pretty(quote!(fn f() { #(#forms;)* })));
}
