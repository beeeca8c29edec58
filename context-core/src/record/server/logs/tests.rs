use super::*;

fn row(message: &str) -> LogRow {
    LogRow {
        name: "prefect.flow_runs".to_owned(),
        level: 20,
        message: message.to_owned(),
        timestamp: Timestamp::UNIX_EPOCH,
        flow_run_id: None,
        task_run_id: None,
    }
}

#[test]
fn long_messages_are_cut_as_prefect_cuts_them() {
    let mut long = row(&"é\n".repeat(1_000));
    long.cut(1_000);
    assert!(long.message.ends_with("... [truncated]") && long.message.starts_with("é\né\n"));
    let json = serde_json::to_string(&LogCreate::from(long.clone())).unwrap();
    assert!((700..=1_000).contains(&json.len()), "{}", json.len());
    assert!(long.size() <= 1_000);

    let mut short = row("short");
    short.cut(1_000);
    assert_eq!(short.message, "short");

    let mut hopeless = row(&"x".repeat(500));
    hopeless.cut(10);
    assert_eq!(hopeless.message, "... [truncated]");
}

#[test]
fn the_size_is_not_less_than_that_of_the_json() {
    for message in ["plain", "\"quoted\" \\ \n\t", "\u{1}\u{7f}é😀", ""] {
        let row = LogRow {
            flow_run_id: Some(Uuid::from_u128(u128::MAX)),
            task_run_id: Some(Uuid::from_u128(u128::MAX)),
            ..row(message)
        };
        let json = serde_json::to_string(&LogCreate::from(row.clone())).unwrap();
        assert!(row.size() >= json.len(), "{} < {}: {json}", row.size(), json.len());
    }
}

#[test]
fn batches_follow_the_settings_as_in_prefect() {
    let bounds = LogBounds::of(&Settings::default());
    assert_eq!(
        (bounds.every, bounds.batch, bounds.line),
        (Duration::from_secs(2), 3_000_000, 1_000_000)
    );
}
