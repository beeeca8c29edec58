//! Mapping: one run for each element, all at once, and what futures are good for.
//!
//! Prints results in the order of the elements, and the errors that runs and calls end with.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use context::prelude::*;

#[derive(Debug, thiserror::Error)]
#[error("{0} is not even")]
struct Odd(u32);

#[task]
fn half(number: u32) -> Result<u32, Odd> {
    if number.is_multiple_of(2) { Ok(number / 2) } else { Err(Odd(number)) }
}

#[task]
fn power(base: u32, exponent: u32) -> u32 {
    base.pow(exponent)
}

/// Takes the values of runs. Whoever submits it may give the futures instead.
#[task]
fn sum(numbers: Vec<u32>) -> u32 {
    numbers.iter().sum()
}

/// Wants to know about failures: `allow_failure` gives it a `Result`.
#[task]
fn or_zero(number: Result<u32, RunError>) -> u32 {
    number.unwrap_or(0)
}

#[flow]
async fn mapped() -> Result<(), RunError> {
    // Iterables are mapped, element by element. What all runs share is `unmapped`.
    let squares = power::map([1, 2, 3], unmapped(2));
    println!("squares             {:?}", squares.clone().await?);
    println!("powers              {:?}", power::map(2..=4, [1, 2, 3]).await?);

    // Futures are inputs: `sum` begins when all of them have ended, and gets the values.
    println!("sum of squares      {}", sum::submit(&squares).await?);
    println!("squares of squares  {:?}", power::map(squares, unmapped(2)).await?);

    // Ordering without data: it begins when the other run has completed.
    let first = half::submit(8);
    let second = power::with_options().wait_for(&first).submit(2, 10);
    println!("in order            {} {}", first.await?, second.await?);

    // A run that fails is an error of its future. Runs that need its value do not run.
    let halves = half::map([10, 7, 4]);
    for (end, number) in halves.iter().zip([10, 7, 4]) {
        println!("half of {number:<11} {}", end.wait().await.name());
    }
    let not_run = sum::submit(&halves);
    println!("their sum           {}", not_run.wait().await.name());
    println!("or zero             {:?}", or_zero::map(allow_failure(halves.clone())).await?);
    match halves.await {
        Err(error) => println!("user's own error    {:?}", error.user_error::<Odd>()),
        Ok(halves) => println!("all are even        {halves:?}"),
    }

    // Lengths must agree.
    if let Some(error) = power::map([1, 2], [1, 2, 3]).error() {
        println!("error               {error}");
    }
    Ok(())
}

#[context::main]
async fn main() -> Result<(), RunError> {
    mapped().await
}
