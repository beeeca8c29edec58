//! A caller of the macros in edition 2021 that knows the library by another name.

#![deny(warnings, rust_2018_idioms)]

// `tags!` and `current_run!` have no `crate` option: they find the library under its own name.
extern crate workflow as context;

use std::future::Future;

use workflow::{flow, tags, task};

/// Borrows two arguments; in this edition `impl Future` would not capture them by itself.
#[task(crate = ::workflow)]
pub async fn borrow(text: &str, other: &mut Vec<u8>) -> usize {
    other.push(1);
    text.len()
}

/// Gives one of two lifetimes back.
#[task(crate = ::workflow)]
pub async fn first<'a>(text: &'a str, _other: &str) -> &'a str {
    text
}

/// Owns its argument.
#[task(crate = ::workflow, retries = 1)]
pub async fn own(number: u8) -> u8 {
    number
}

/// Returns a future.
#[task(crate = ::workflow)]
pub fn future(number: u8) -> impl Future<Output = u8> {
    async move { number }
}

/// Has a method.
#[derive(Debug)]
pub struct Client;

impl Client {
    /// Borrows its receiver and its argument.
    #[task(crate = ::workflow)]
    pub async fn get(&self, key: &str) -> usize {
        key.len()
    }
}

/// Calls them all.
#[flow(crate = ::workflow)]
pub async fn all() -> usize {
    let mut other = Vec::new();
    let borrowed = borrow("ab", &mut other).await;
    let first = first("abc", "d").await.len();
    let own = usize::from(own(1).await + future(2).await);
    let submitted = own::submit(3).await.map_or(0, usize::from);
    let method = Client.get("x").await;
    borrowed + first + own + submitted + method + other.len()
}

/// Runs `all` inside a block of tags.
pub async fn tagged() -> usize {
    tags!("a", { all().await })
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn an_older_edition_and_another_name_work() {
        assert_eq!(super::tagged().await, 2 + 3 + 3 + 3 + 1 + 1);
    }
}
