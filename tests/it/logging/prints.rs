//! `log_print!` follows the task's option, else the flow's, else the setting.

use std::future::Future;

use context::prelude::*;
use context::{Settings, SettingsContext, log_print};

use super::{block_on, lines};

fn setting(on: bool) -> Settings {
    Settings::default().with_logging_log_prints(on)
}

/// The prints that are logged while `f` runs under the setting.
fn logged(setting_on: bool, f: impl FnOnce()) -> String {
    let settings = setting(setting_on);
    let text = lines(&settings, || SettingsContext::new(settings.clone()).in_scope(f));
    let own = text.lines().filter(|line| line.contains("print from"));
    own.collect::<Vec<_>>().join("\n")
}

/// As `logged`, for a future. It is made inside, as a call belongs to what surrounds it.
fn logged_async<F: Future>(setting_on: bool, call: impl FnOnce() -> F) -> String {
    logged(setting_on, || drop(block_on(call)))
}

#[task(task_run_name = "says")]
fn says() {
    log_print!("print from {}", "a task");
}

#[task(task_run_name = "says")]
async fn says_async() {
    log_print!("print from {}", "a task");
}

#[task(task_run_name = "shouts", log_prints = true)]
fn shouts() {
    log_print!("print from a task that logs");
}

#[task(task_run_name = "shouts", log_prints = true)]
async fn shouts_async() {
    log_print!("print from a task that logs");
}

#[task(task_run_name = "whispers", log_prints = false)]
fn whispers() {
    log_print!("print from a task that does not log");
}

#[task(task_run_name = "whispers", log_prints = false)]
async fn whispers_async() {
    log_print!("print from a task that does not log");
}

/// Every task, in a flow that says nothing.
#[flow(flow_run_name = "inner")]
fn inner() {
    log_print!("print from a flow");
    says();
    shouts();
    whispers();
}

/// Every task, in a flow that says nothing.
#[flow(flow_run_name = "inner")]
async fn inner_async() {
    log_print!("print from a flow");
    says_async().await;
    shouts_async().await;
    whispers_async().await;
}

#[flow(flow_run_name = "outer", log_prints = true)]
fn loud() {
    log_print!("print from a flow that logs");
    inner();
}

#[flow(flow_run_name = "outer", log_prints = true)]
async fn loud_async() {
    log_print!("print from a flow that logs");
    inner_async().await;
}

#[flow(flow_run_name = "outer", log_prints = false)]
fn quiet() {
    log_print!("print from a flow that does not log");
    inner();
}

#[flow(flow_run_name = "outer", log_prints = false)]
async fn quiet_async() {
    log_print!("print from a flow that does not log");
    inner_async().await;
}

#[test]
fn the_task_option_decides_before_all_else() {
    for setting_on in [false, true] {
        let sync = logged(setting_on, || {
            shouts();
            whispers();
        });
        assert_eq!(sync, "INFO    | Task run 'shouts' - print from a task that logs");
        let futures = logged_async(setting_on, || async {
            shouts_async().await;
            whispers_async().await;
        });
        assert_eq!(futures, sync);
    }
}

#[test]
fn the_flow_option_is_in_force_in_its_tasks_and_subflows() {
    // Whatever the setting says.
    for setting_on in [false, true] {
        let sync = logged(setting_on, loud);
        insta::allow_duplicates! {
            insta::assert_snapshot!(sync, @r"
            INFO    | Flow run 'outer' - print from a flow that logs
            INFO    | Flow run 'inner' - print from a flow
            INFO    | Task run 'says' - print from a task
            INFO    | Task run 'shouts' - print from a task that logs
            ");
        }
        assert_eq!(logged_async(setting_on, loud_async), sync);
        let sync = logged(setting_on, quiet);
        assert_eq!(sync, "INFO    | Task run 'shouts' - print from a task that logs");
        assert_eq!(logged_async(setting_on, quiet_async), sync);
    }
}

#[test]
fn the_setting_is_in_force_where_no_option_is() {
    let sync = logged(true, inner);
    insta::assert_snapshot!(sync, @r"
    INFO    | Flow run 'inner' - print from a flow
    INFO    | Task run 'says' - print from a task
    INFO    | Task run 'shouts' - print from a task that logs
    ");
    assert_eq!(logged_async(true, inner_async), sync);
    let sync = logged(false, inner);
    assert_eq!(sync, "INFO    | Task run 'shouts' - print from a task that logs");
    assert_eq!(logged_async(false, inner_async), sync);
    // Without a run there is nothing to log for.
    assert_eq!(logged(true, || log_print!("print from nowhere")), "");
}

#[test]
fn submitted_tasks_follow_the_flow_too() {
    #[flow(log_prints = true)]
    async fn submits() {
        says_async::submit().await.unwrap();
    }

    // On another thread, where the subscriber of this test is not.
    #[task]
    fn asks() -> bool {
        context::logging::logs_prints()
    }

    #[flow(log_prints = true)]
    fn submits_a_question() -> bool {
        asks::submit().result_blocking().unwrap()
    }

    let text = logged_async(false, submits);
    assert_eq!(text, "INFO    | Task run 'says' - print from a task");
    assert!(submits_a_question());
}

#[test]
fn a_call_may_be_given_another_option() {
    let text = logged(false, || {
        says::with_options().log_prints(true).call();
        whispers::with_options().log_prints(true).call();
        shouts::with_options().log_prints(false).call();
        inner::with_options().log_prints(true).call();
    });
    insta::assert_snapshot!(text, @r"
    INFO    | Task run 'says' - print from a task
    INFO    | Task run 'whispers' - print from a task that does not log
    INFO    | Flow run 'inner' - print from a flow
    INFO    | Task run 'says' - print from a task
    INFO    | Task run 'shouts' - print from a task that logs
    ");
}
