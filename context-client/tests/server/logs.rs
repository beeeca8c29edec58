use std::time::Duration;

use context_client::schema::{LogCreate, LogFilter, Query, Sort};
use jiff::{SignedDuration, Timestamp};
use prefect_server::{Options, PrefectServer};
use uuid::Uuid;

use crate::{client, eventually, new_id, running, shared};

fn line(run: Uuid, level: i32, message: &str) -> LogCreate {
    LogCreate {
        name: "prefect.flow_runs".to_owned(),
        level,
        message: message.to_owned(),
        timestamp: Timestamp::now(),
        flow_run_id: Some(run),
        task_run_id: None,
    }
}

#[tokio::test]
async fn lines_are_read_back() {
    let Some(client) = shared() else { return };
    let run = running(&client, "logs").await;
    let task_run = new_id();
    let mut lines =
        vec![line(run.id, 10, "one"), line(run.id, 20, "two"), line(run.id, 40, "three")];
    lines[1].task_run_id = Some(task_run);
    for (line, later) in lines.iter_mut().zip(0..) {
        line.timestamp += SignedDuration::from_millis(later);
    }
    client.create_logs(&lines).await.unwrap();

    let messages = async |query: Query| -> Vec<String> {
        let logs = client.read_logs(query).await.unwrap();
        logs.into_iter().map(|log| log.message).collect()
    };
    let of_run = || LogFilter::new().flow_run_ids([run.id]);
    assert_eq!(messages(of_run().into()).await, ["one", "two", "three"]);
    let newest = Query::from(of_run()).sort(Sort::TimestampDesc).limit(2);
    assert_eq!(messages(newest).await, ["three", "two"]);
    assert_eq!(messages(of_run().level_at_least(20).into()).await, ["two", "three"]);
    assert_eq!(messages(of_run().level_at_most(20).into()).await, ["one", "two"]);
    assert_eq!(messages(LogFilter::new().task_run_ids([task_run]).into()).await, ["two"]);
    assert_eq!(messages(of_run().since(lines[2].timestamp).into()).await, ["three"]);
    assert_eq!(messages(of_run().until(lines[0].timestamp).into()).await, ["one"]);

    let log = client.read_logs(of_run()).await.unwrap().remove(1);
    assert_eq!((log.name.as_str(), log.level), ("prefect.flow_runs", 20));
    assert_eq!((log.flow_run_id, log.task_run_id), (Some(run.id), Some(task_run)));
    assert_eq!(log.timestamp.as_microsecond(), lines[1].timestamp.as_microsecond());
}

#[tokio::test]
async fn nothing_is_logged_without_lines_and_runs_need_not_exist() {
    let Some(client) = shared() else { return };
    client.create_logs(&[]).await.unwrap();
    let run = new_id();
    client.create_logs(&[line(run, 20, "nobody's")]).await.unwrap();
    assert_eq!(client.read_logs(LogFilter::new().flow_run_ids([run])).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_subscription_gets_what_is_written() {
    if !PrefectServer::can_start() {
        return;
    }
    // A server does not pass logs on unless it is told to.
    let options = Options::new()
        .env("PREFECT_SERVER_LOGS_STREAM_PUBLISHING_ENABLED", "true")
        .env("PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED", "true");
    let server = PrefectServer::start(options);
    let (client, run) = (client(&server), new_id());
    let filter = LogFilter::new().flow_run_ids([run]).level_at_least(20);
    let mut logs = client.subscribe_logs(&filter).await.unwrap();
    // Nothing is kept for those who come later, so it is written until it is seen.
    let seen = eventually("the line", async || {
        client.create_logs(&[line(run, 10, "unwanted"), line(run, 30, "wanted")]).await?;
        let next = tokio::time::timeout(Duration::from_secs(1), logs.next()).await;
        next.ok().flatten().transpose()
    });
    let seen = seen.await;
    assert_eq!((seen.message.as_str(), seen.level), ("wanted", 30));
    assert_eq!(seen.flow_run_id, Some(run));
    logs.close().await;
}
