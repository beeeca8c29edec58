//! Expansions survive strict lints and shadowed names.

#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    elided_lifetimes_in_paths,
    let_underscore_drop,
    unnameable_types,
    unused_braces,
    unused_parens,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    clippy::str_to_string,
    clippy::use_self,
    clippy::future_not_send
)]
#![forbid(unsafe_code)]
#![expect(clippy::unused_async, reason = "small examples of async functions")]

/// Functions as a strict user writes them.
mod strict {
    use context::prelude::*;

    /// An error.
    #[derive(Debug)]
    pub(crate) struct Oops;

    impl From<RunError> for Oops {
        fn from(_: RunError) -> Self {
            Self
        }
    }

    /// Downloads one page.
    #[task(
        retries = 3,
        retry_delay = ["1s", "5s"],
        retry_jitter = 0.5,
        timeout = "1m 30s",
        tags = ["io"],
        task_run_name = "fetch {url}"
    )]
    #[must_use]
    pub(crate) async fn fetch(url: String) -> Result<usize, Oops> {
        Ok(url.len())
    }

    /// Adds.
    #[task]
    pub(crate) fn add(first: u8, mut second: u8) -> u8 {
        second += first;
        second
    }

    /// Does nothing.
    #[task]
    pub(crate) fn nothing() {}

    /// Borrows.
    #[task]
    pub(crate) async fn borrow(text: &str, other: &mut Vec<u8>) -> usize {
        other.push(1);
        text.len()
    }

    /// Makes an asset.
    #[materialize("s3://bucket/x", by = "polars", asset_deps = ["file:///a"])]
    pub(crate) async fn save(rows: Vec<u8>) -> Result<usize, Oops> {
        Ok(rows.len())
    }

    /// Calls them all.
    #[flow(flow_run_name = "all of {day}", retries = 1)]
    pub(crate) async fn all(day: u8) -> Result<usize, Oops> {
        nothing();
        let mut other = Vec::new();
        let sum = tags!("a", "b", {
            let sum = usize::from(add(day, 1));
            sum + fetch("ab".to_owned()).await?
        });
        let submitted = usize::from(add::submit(1, add::submit(2, 3)).await?);
        Ok(sum + submitted + borrow("abc", &mut other).await + save(other).await?)
    }
}

/// Functions among names that hide those of the language.
mod shadowed {
    #![expect(dead_code, non_camel_case_types, reason = "the names are all there is to them")]

    use ::context::{current_run, flow, tags, task};

    mod core {}
    mod std {}
    mod context {}
    struct Result;
    struct Vec;
    struct Option;
    struct Box;
    struct String;
    struct Some;
    struct None;
    struct Ok;
    struct Err;
    struct Send;
    struct Future;
    struct str;
    struct bool;
    const DEFINITION: u8 = 1;

    #[task(retries = 3, retry_delay = ["1s"], timeout = "3s")]
    async fn fetch(x: u8) -> ::std::result::Result<u8, ::anyhow::Error> {
        ::core::result::Result::Ok(x + DEFINITION)
    }

    #[task]
    fn add(x: u8) -> u8 {
        x + DEFINITION
    }

    #[task]
    fn refer(x: &[u8; 32]) -> u8 {
        x[0]
    }

    #[flow]
    async fn go(x: u8) -> u8 {
        let sum = tags!("a", { add(x) + refer(&[x; 32]) });
        let fetched = tags!("b", { fetch(1).await.unwrap_or(0) });
        let submitted = add::submit(1).await.unwrap_or(0);
        assert_eq!(current_run!().run_count(), 1);
        sum + fetched + submitted
    }

    pub(super) async fn all() -> u8 {
        go(1).await
    }
}

#[tokio::test]
async fn a_strict_user_has_no_warnings() {
    assert_eq!(strict::all(1).await.ok(), Some(2 + 2 + 6 + 3 + 1));
}

#[tokio::test]
async fn shadowed_names_change_nothing() {
    assert_eq!(shadowed::all().await, 3 + 2 + 2);
}
