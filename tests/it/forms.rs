//! The forms of functions that can be annotated.

#![expect(clippy::future_not_send, reason = "a task may stay on its thread")]

use std::collections::HashMap;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use context::prelude::*;

use crate::recorded;

struct Store {
    prefix: String,
    reads: u32,
}

impl Store {
    #[task(retries = 1)]
    async fn read(&self, key: &str) -> Result<String, String> {
        if current_run!().run_count() == 1 {
            return Err("cold".to_owned());
        }
        Ok(format!("{}/{key}", self.prefix))
    }

    #[task]
    async fn count(&mut self) -> u32 {
        self.reads += 1;
        self.reads
    }

    #[task]
    fn first<'a>(&'a self, others: &'a [String]) -> &'a str {
        others.first().map_or(&self.prefix, |other| other)
    }

    #[task]
    async fn into_prefix(self) -> String {
        self.prefix
    }

    #[task(handle = false)]
    fn open(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), reads: 0 }
    }

    #[flow]
    async fn all(&mut self) -> Result<(String, u32, String), String> {
        let read = self.read("k").await?;
        let count = self.count().await;
        Ok((read, count, self.first(&[]).to_owned()))
    }
}

#[tokio::test]
async fn methods() {
    let mut store = Store::open("p");
    assert_eq!(store.all().await.unwrap(), ("p/k".to_owned(), 1, "p".to_owned()));
    assert_eq!(store.into_prefix().await, "p");
}

trait Source {
    async fn load(&self, n: u32) -> Result<u32, String>;
}

struct Fixed(u32);

impl Source for Fixed {
    #[task]
    async fn load(&self, n: u32) -> Result<u32, String> {
        Ok(self.0 + n)
    }
}

#[async_trait::async_trait]
trait Boxed: Send + Sync {
    async fn load(&self, n: u32) -> Result<u32, String>;
}

#[async_trait::async_trait]
impl Boxed for Fixed {
    #[task]
    async fn load(&self, n: u32) -> Result<u32, String> {
        assert_eq!(current_run!(task).task_name(), "load");
        Ok(self.0 + n)
    }
}

#[tokio::test]
async fn methods_of_traits() {
    assert_eq!(Source::load(&Fixed(1), 2).await, Ok(3));
    let boxed: Box<dyn Boxed> = Box::new(Fixed(1));
    let (value, recorder) = recorded(|| boxed.load(2)).await;
    assert_eq!(value, Ok(3));
    assert_eq!(recorder.transcript(), "task load: Pending, Running, Completed\n");
}

#[task]
async fn shown<T, const N: usize>(items: [T; N]) -> String
where
    T: Display + Send,
{
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[task]
fn summed(numbers: impl IntoIterator<Item = u32>) -> u32 {
    numbers.into_iter().sum()
}

#[task]
fn counted<'a>(words: &'a str) -> impl Iterator<Item = &'a str> + 'a {
    words.split(' ')
}

#[task]
fn patterns((a, b): (u32, u32), [first, ..]: [u32; 3], mut total: u32) -> u32 {
    total += a + b + first;
    total
}

#[task]
async fn local(value: Rc<u32>) -> Rc<u32> {
    tokio::task::yield_now().await;
    value
}

#[task]
async fn factorial(n: u64) -> u64 {
    if n < 2 { 1 } else { n * Box::pin(factorial(n - 1)).await }
}

#[task]
fn fibonacci(n: u64) -> u64 {
    if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

#[task]
fn returns_a_future(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move {
        assert_eq!(current_run!(task).task_name(), "returns_a_future");
        n
    })
}

/// Documentation stays.
#[task]
#[must_use]
#[inline]
fn annotated(r#type: u32, #[cfg(any())] gone: u32, #[cfg(not(any()))] here: u32) -> u32 {
    r#type + here
}

#[tokio::test]
async fn functions() {
    assert_eq!(shown([1, 2]).await, "1,2");
    assert_eq!(summed(vec![1, 2]), 3);
    assert_eq!(counted("a b c").count(), 3);
    assert_eq!(patterns((1, 2), [3, 0, 0], 4), 10);
    assert_eq!(*local(Rc::new(5)).await, 5);
    assert_eq!(factorial(5).await, 120);
    assert_eq!(fibonacci(10), 55);
    assert_eq!(returns_a_future(3).await, 3);
    assert_eq!(annotated(1, 2), 3);
    let as_value: fn(u64) -> u64 = fibonacci;
    assert_eq!(as_value(3), 2);
}

#[flow]
async fn generic_tasks_can_be_submitted_flow() -> Result<String, RunError> {
    shown::submit([1, 2, 3]).await
}

#[tokio::test]
async fn generic_tasks_can_be_submitted() {
    assert_eq!(generic_tasks_can_be_submitted_flow().await.unwrap(), "1,2,3");
}

#[task(handle = fetch_handle)]
async fn fetch(map: HashMap<String, u32>) -> usize {
    map.len()
}

/// A module of the task's name.
mod fetch {
    pub(super) const LIMIT: usize = 1;
}

#[tokio::test]
async fn a_handle_can_have_another_name() {
    assert_eq!(fetch(HashMap::new()).await + fetch::LIMIT, 1);
    assert_eq!(fetch_handle::definition().name(), "fetch");
}

#[tokio::test]
async fn borrowed_values_stay_borrowed() {
    #[task]
    async fn longest<'a>(words: &'a [&'a str]) -> &'a str {
        words.iter().max_by_key(|word| word.len()).copied().unwrap_or("")
    }
    #[task]
    async fn push(words: &mut Vec<String>, word: &str) {
        words.push(word.to_owned());
    }
    let mut words = vec!["a".to_owned()];
    push(&mut words, "bcd").await;
    let refs: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(longest(&refs).await, "bcd");
}
