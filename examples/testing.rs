//! Testing: a flow under a harness, with a clock that nobody waits for.
//!
//! ```text
//! cargo run --example testing
//! cargo test --example testing
//! ```
//!
//! The flow gives parcels to a courier who is often not there, and tries again after hours. Look at the times in the text:
//! days go by, and the program ends at once. The tests below are what a program would have in its own test module.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use context::prelude::*;
use context::testing::Harness;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody opens the door at attempt {0}")]
struct NotAtHome(u32);

/// Rings the bell. At `absences` attempts nobody is there.
#[task(retries = 3, retry_delay = ["1h", "6h", "24h"])]
async fn deliver(parcel: &'static str, absences: u32) -> Result<String, NotAtHome> {
    tokio::task::yield_now().await; // somebody goes to the door, or not
    let attempt = current_run!(task).run_count();
    if attempt <= absences { Err(NotAtHome(attempt)) } else { Ok(format!("{parcel}: delivered")) }
}

#[task]
fn send_back(parcel: &'static str) -> String {
    format!("{parcel}: sent back")
}

/// Delivers parcels one after the other; what cannot be delivered is sent back.
#[flow]
async fn tour(parcels: Vec<(&'static str, u32)>) -> Vec<String> {
    let mut outcomes = Vec::new();
    for (parcel, absences) in parcels {
        let delivered = deliver(parcel, absences).await;
        outcomes.push(delivered.unwrap_or_else(|_| send_back(parcel)));
    }
    outcomes
}

#[context::main]
async fn main() {
    let harness = Harness::new().manual_clock();
    let report = harness.run(|| tour(vec![("books", 0), ("a lamp", 2), ("shoes", 9)])).await;
    println!("{:#?}", report.output);
    println!("what happened, without times:\n{}", report.transcript());
    println!("and with the seconds since the start:\n{}", report.timeline());
    println!("it would have taken {} hours", report.elapsed().as_secs() / 3600);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_parcel_is_delivered_when_somebody_is_at_home() {
        let harness = Harness::new().manual_clock();
        let report = harness.run(|| tour(vec![("a lamp", 2)])).await;

        assert_eq!(report.output, ["a lamp: delivered"]);
        report.assert_completed();
        report.assert_runs("deliver", 1);
        assert_eq!(report.elapsed(), 7 * HOUR);
        // Text of which a test can be made: no ids, no random names, and the same times in every run.
        insta::assert_snapshot!(report.timeline(), @r"
        flow tour: Pending, Running, +25200s Completed
          task deliver: Pending, Running, AwaitingRetry(Task run encountered an exception NotAtHome: nobody opens the door at attempt 1), +3600s Retrying, AwaitingRetry(Task run encountered an exception NotAtHome: nobody opens the door at attempt 2), +25200s Retrying, Completed
        ");
    }

    #[tokio::test]
    async fn what_cannot_be_delivered_is_sent_back() {
        let harness = Harness::new().manual_clock();
        let report = harness.run(|| tour(vec![("shoes", 9)])).await;

        assert_eq!(report.output, ["shoes: sent back"]);
        let states = &report.states_of("deliver")[0];
        assert_eq!(states.last().map(String::as_str), Some("Failed"));
        assert_eq!(report.elapsed(), 31 * HOUR);
    }

    #[test]
    fn plain_tasks_need_no_runtime() {
        let report = Harness::new().run_blocking(|| send_back("books"));

        assert_eq!(report.output, "books: sent back");
        assert_eq!(report.transcript(), "task send_back: Pending, Running, Completed\n");
    }
}
