use std::time::Duration;

use super::*;
use crate::context::TagsContext;

#[test]
fn nothing_from_outside_is_seen_inside() {
    let harness = Harness::new().manual_clock();
    TagsContext::new(["outside"]).in_scope(|| {
        let report = harness.run_blocking(|| {
            let settings = SettingsContext::get();
            let home = settings.settings().home().to_owned();
            (TagsContext::get().current_tags().len(), home, Timestamp::now())
        });
        assert_eq!(report.output, (0, report.home().to_owned(), Harness::START));
    });
    assert_ne!(Harness::new().home_path(), harness.home_path());
    assert!(Timestamp::now() > Harness::START);
}

#[tokio::test]
async fn a_future_is_made_and_polled_inside() {
    let harness = Harness::new().manual_clock().home("/somewhere");
    let report = harness
        .run(|| {
            let called = Timestamp::now();
            async move {
                tokio::task::yield_now().await;
                let home = SettingsContext::get().settings().home().to_owned();
                (called, Timestamp::now(), home)
            }
        })
        .await;
    assert_eq!(report.output, (Harness::START, Harness::START, PathBuf::from("/somewhere")));
}

#[tokio::test]
async fn the_clock_goes_along_with_spawned_code() {
    let harness = Harness::new().manual_clock();
    let clock = harness.clock().unwrap().clone();
    let report = harness
        .run(|| async {
            clock.sleep(Duration::from_secs(5)).await;
            let task = crate::context::spawn(async { Timestamp::now() });
            let thread = crate::context::thread::spawn(Timestamp::now);
            (task.await.unwrap(), thread.join().unwrap())
        })
        .await;
    let later = Harness::START.plus(Duration::from_secs(5));
    assert_eq!(report.output, (later, later));
    assert_eq!(report.elapsed(), Duration::from_secs(5));
}

#[test]
fn a_temporary_home_is_removed_with_the_last_who_knows_it() {
    let harness = Harness::new();
    let report = harness.run_blocking(|| {
        let folder = SettingsContext::get().settings().home().join("storage");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    });
    drop(harness);
    assert!(report.output.exists());
    let folder = report.output.clone();
    drop(report);
    assert!(!folder.parent().unwrap().exists());
}

#[test]
#[should_panic(expected = "a flow is called inside the closure")]
fn an_assertion_says_what_may_be_wrong() {
    Harness::new().run_blocking(|| ()).assert_completed();
}
