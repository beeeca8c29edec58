use std::time::Duration;

use tokio::runtime::Builder;

use super::*;
use crate::runner;

/// Waits for a timer and for another thread, and uses up more than a task's budget.
async fn work() -> u32 {
    runner::sleep(Duration::from_millis(1)).await;
    let (tell, told) = tokio::sync::oneshot::channel();
    thread::spawn(move || tell.send(1));
    let mut sum = told.await.unwrap();
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..1000 {
        send.send(number).unwrap();
        sum += receive.recv().await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    tokio::task::yield_now().await;
    sum
}

const SUM: u32 = 499_501;

#[test]
fn works_without_a_runtime_and_nested() {
    assert_eq!(block_on(work()), SUM);
    assert_eq!(block_on(async { block_on(work()) }), SUM);
    assert!(!is_standing_in());
}

#[test]
fn works_on_the_only_thread_of_a_runtime() {
    let runtime = Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(async { block_on(work()) }), SUM);
    let nested = async { block_on(async { block_on(work()) + blocking(|| 1) }) };
    assert_eq!(runtime.block_on(nested), SUM + 1);
}

#[test]
fn works_on_the_only_worker_of_a_runtime_and_lets_its_other_tasks_run() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sum = runtime.block_on(async {
        #[expect(clippy::disallowed_methods, reason = "there is no context to carry")]
        let task = tokio::spawn(async {
            let (tell, told) = tokio::sync::oneshot::channel();
            #[expect(clippy::disallowed_methods, reason = "there is no context to carry")]
            tokio::spawn(async move { tell.send(work().await) });
            block_on(told).unwrap()
        });
        task.await.unwrap()
    });
    assert_eq!(sum, SUM);
}

#[test]
fn a_panic_goes_to_the_caller() {
    let panicked = std::panic::catch_unwind(|| {
        block_on(async {
            tokio::task::yield_now().await;
            std::panic::resume_unwind(Box::new("silent"))
        })
    });
    assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "silent");
    assert!(!is_standing_in());
}
