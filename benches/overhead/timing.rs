//! Time of one operation: the least of many batches, taken in turns.

use std::time::{Duration, Instant};

use crate::Effort;
use crate::cases::Case;

/// Batches are about this long: short enough to fit between two interruptions.
const BATCH: Duration = Duration::from_micros(500);

/// Nanoseconds of one operation of each case.
pub(crate) fn nanoseconds(cases: &[&Case], effort: Effort) -> Vec<f64> {
    let batches: Vec<u64> = cases.iter().map(|case| batch(case)).collect();
    let mut least = vec![f64::INFINITY; cases.len()];
    let budget = effort.choose(Duration::ZERO, Duration::from_secs(2), Duration::from_secs(20));
    let patience = effort.choose(1, 20, 100);
    let began = Instant::now();
    let mut idle = 0;
    // Until nothing has become faster for a while.
    while idle < patience && began.elapsed() < budget {
        idle += 1;
        for ((case, &batch), least) in cases.iter().zip(&batches).zip(&mut least) {
            let took = per_operation(case.run(batch), batch);
            if took < *least * 0.99 {
                idle = 0;
            }
            *least = least.min(took);
        }
    }
    least
}

/// How many operations make a batch. Also warms up.
fn batch(case: &Case) -> u64 {
    let mut operations = 16;
    loop {
        let took = case.run(operations);
        if took >= BATCH / 2 || operations >= 1 << 20 {
            return operations;
        }
        operations *= 2;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a batch has fewer than 2^52 operations")]
pub(crate) fn per_operation(took: Duration, operations: u64) -> f64 {
    took.as_secs_f64() * 1e9 / operations as f64
}
