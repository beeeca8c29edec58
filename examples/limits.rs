//! Limits: how many may do something at the same time, and how many in a second.
//!
//! Makes thumbnails of eight pictures: the disk takes three readers at once (a concurrency limit), the map service answers
//! twenty questions in a second (a rate limit), and one run at a time has the graphics card (a limit of a tag, which needs
//! no word in the task). Look at "at most" in each line. All of them are limits of this process.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use context::concurrency::{set_limit, set_limit_with_decay, set_tag_limit};
use context::prelude::*;
use context::{ConcurrencyError, concurrency, rate_limit};

/// Counts who is inside at the same time.
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

static READERS: Gauge = Gauge::new();
static ON_THE_CARD: Gauge = Gauge::new();

impl Gauge {
    const fn new() -> Self {
        Self { now: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    /// Works for some time.
    async fn work(&self, milliseconds: u64) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// The slot is taken for a part of the task, and given back however that part ends.
#[task]
async fn read(picture: u32) -> Result<u32, ConcurrencyError> {
    concurrency("disk", 1).scope(READERS.work(10)).await?;
    Ok(picture)
}

/// Spent slots come back by themselves, at the rate of the limit.
#[task]
async fn find_place(picture: u32) -> Result<String, ConcurrencyError> {
    rate_limit("map service", 1).await?;
    Ok(format!("place {picture}"))
}

/// A run waits for the slots of its tags in `Pending`, before its function is called and its `timeout` begins.
#[task(tags = ["graphics card"])]
async fn shrink(picture: u32) -> u32 {
    ON_THE_CARD.work(5).await;
    picture / 4
}

#[flow]
async fn thumbnails() -> Result<(), RunError> {
    let began = Instant::now();
    let pictures = read::map(1..=8_u32).await?;
    println!("disk: {} pictures, at most {} at once", pictures.len(), READERS.most());

    let asked = Instant::now();
    let places = find_place::map(pictures.clone()).await?;
    let rate = asked.elapsed().as_millis();
    println!("map service: {} places in {rate} ms; 4 at once, the others each 50 ms", places.len());

    let small = shrink::map(pictures).await?;
    println!("graphics card: {} pictures, at most {} at once", small.len(), ON_THE_CARD.most());
    println!("all in {} ms", began.elapsed().as_millis());
    Ok(())
}

/// Who does not want to wait says how long; and a limit that nobody has set is an error, if that is wanted.
#[flow]
fn impatient() -> Result<(), ConcurrencyError> {
    let slots = concurrency("disk", 3).acquire_blocking()?;
    let refused = concurrency("disk", 1).timeout(Duration::from_millis(20)).acquire_blocking();
    println!("refused: {}", refused.expect_err("all slots are taken"));
    drop(slots);
    let unknown = concurrency("dsik", 1).strict().in_scope(|| ());
    println!("refused: {}", unknown.expect_err("it is misspelt"));
    Ok(())
}

#[context::main]
async fn main() -> anyhow::Result<()> {
    set_limit("disk", 3);
    set_limit_with_decay("map service", 4, 20.0)?;
    set_tag_limit("graphics card", 1);
    thumbnails().await?;
    impatient()?;
    Ok(())
}
