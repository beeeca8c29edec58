use std::io::Write as _;
use std::process::{Command, Stdio};

use context_client::schema::StateType as ApiStateType;
use uuid::Uuid;

use super::*;
use crate::clock::Timestamp;
use crate::id::TaskRunId;
use crate::record::server::event::Subject;

const URL: &str = "https://me:secret@example.com/api";

fn event(number: u128) -> Event {
    let (id, run) = (Uuid::from_u128(number), Uuid::from_u128(1_000 + number));
    let text = format!(
        r#"{{"occurred":"2026-11-22T12:10:13.234462Z","event":"prefect.task-run.Completed","resource":{{"prefect.resource.id":"prefect.task-run.{run}"}},"related":[{{"prefect.resource.id":"prefect.flow-run.{flow}","prefect.resource.role":"flow-run"}}],"payload":{{"validated_state":{{"type":"COMPLETED","name":"Completed","message":"ö\n"}}}},"id":"{id}","follows":null}}"#,
        flow = Uuid::from_u128(7),
    );
    let occurred = serde_json::from_str("\"2026-11-22T12:10:13.234462Z\"").unwrap();
    let subject = Subject::TaskRun { id: TaskRunId::from(run), occurred, shows_end: true };
    Event {
        id,
        flow_run: Some(FlowRunId::from(Uuid::from_u128(7))),
        subject,
        text: text.replace('\n', "\\n"),
    }
}

fn row(message: &str) -> LogRow {
    LogRow {
        name: "prefect.task_runs".to_owned(),
        level: 30,
        message: message.to_owned(),
        timestamp: Timestamp::from_nanos(1_795_349_413_234_462_000),
        flow_run_id: Some(Uuid::from_u128(7)),
        task_run_id: None,
    }
}

fn state() -> StateCreate {
    StateCreate::new(ApiStateType::Failed).with_name("Failed").with_message("no")
}

fn all(segment: &mut Segment) -> Vec<String> {
    std::iter::from_fn(|| segment.next().unwrap())
        .map(|kept| match kept {
            Kept::Event(event) => format!("event {}", event.id.as_u128()),
            Kept::Logs(rows) => {
                let messages: Vec<_> = rows.iter().map(|row| row.message.as_str()).collect();
                format!("logs {}", messages.join(","))
            }
            Kept::State(id, state) => format!("state {} {}", id.as_u128(), state.state_type),
        })
        .collect()
}

fn only_file(spool: &Spool) -> PathBuf {
    let paths = spool.paths();
    assert_eq!(paths.len(), 1, "{paths:?}");
    paths[0].clone()
}

#[test]
fn what_is_kept_comes_back_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let spool = Spool::new(home.path(), URL);
    assert!(!spool.has_any() && !home.path().join("context").exists(), "nothing is made before");
    let (event, rows, state) = (event(1), [row("a\nb"), row("\"c\"")], state());
    let id = FlowRunId::from(Uuid::from_u128(7));
    spool.append(&[Entry::Event(&event), Entry::Logs(&rows)]).unwrap();
    spool.append(&[Entry::State(id, &state)]).unwrap();
    assert!(spool.next_segment(None).is_none(), "it is still being written");
    spool.seal().unwrap();
    let mut segment = spool.next_segment(None).unwrap();
    let kept: Vec<_> = std::iter::from_fn(|| segment.next().unwrap()).collect();
    let [Kept::Event(read), Kept::Logs(lines), Kept::State(of, entered)] = &kept[..] else {
        panic!("{kept:?}");
    };
    assert_eq!(*read, event);
    assert_eq!(lines[..], rows);
    assert_eq!((*of, &**entered), (id, &state));
    segment.remove().unwrap();
    assert!(!spool.has_any());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = tempfile::tempdir().unwrap();
    let spool = Spool::new(home.path(), URL);
    spool.append(&[Entry::Event(&event(1))]).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&only_file(&spool)), 0o600);
    assert_eq!(mode(spool.directory()), 0o700);
    assert_eq!(mode(&home.path().join("context")), 0o700);
}

#[test]
fn servers_have_directories_of_their_own_whoever_asks_them() {
    let home = tempfile::tempdir().unwrap();
    let directory = |url| Spool::new(home.path(), url).directory().to_owned();
    assert_eq!(directory(URL), directory("https://you:other@example.com/api"));
    assert_ne!(directory(URL), directory("https://example.com/other/api"));
    assert!(!directory(URL).to_string_lossy().contains("example"), "{:?}", directory(URL));
}

#[test]
fn a_torn_line_is_skipped() {
    let home = tempfile::tempdir().unwrap();
    let spool = Spool::new(home.path(), URL);
    spool.append(&[Entry::Event(&event(1)), Entry::Event(&event(2))]).unwrap();
    spool.seal().unwrap();
    let path = only_file(&spool);
    let text = fs::read(&path).unwrap();
    for torn in [text.len() - 2, text.len() - 30, text.len() / 2 + 2] {
        fs::write(&path, &text[..torn]).unwrap();
        let mut segment = spool.next_segment(None).unwrap();
        assert_eq!(all(&mut segment), ["event 1"], "cut at {torn}");
        // It can still be noted what was delivered.
        segment.note_delivered().unwrap();
        drop(segment);
        let mut again = spool.next_segment(None).unwrap();
        assert_eq!(all(&mut again), ["event 1"]);
    }
    // Also in the middle, as a disk may do.
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"\0\0\0\n").unwrap();
    file.write_all(&text).unwrap();
    drop(file);
    let mut segment = spool.next_segment(None).unwrap();
    assert_eq!(all(&mut segment), ["event 1", "event 1", "event 2"]);
}

#[test]
fn what_another_version_has_written_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let spool = Spool::new(home.path(), URL);
    for line in [
        r#"{"version":2,"kind":"event","event":{}}"#,
        r#"{"version":1,"kind":"poem","poem":[]}"#,
        r#"{"version":1,"kind":"event","event":{"no":"id"}}"#,
    ] {
        spool.append(&[Entry::Event(&event(1))]).unwrap();
        spool.seal().unwrap();
        let path = only_file(&spool);
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        writeln!(file, "{line}").unwrap();
        drop(file);
        assert!(spool.next_segment(None).is_none(), "{line}");
        assert!(path.exists());
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn logs_that_were_delivered_are_not_delivered_again() {
    let home = tempfile::tempdir().unwrap();
    let spool = Spool::new(home.path(), URL);
    // More than is read at once.
    let (one, two) = ([row("1")], [row(&"2".repeat(20_000))]);
    spool.append(&[Entry::Logs(&one), Entry::Event(&event(1)), Entry::Logs(&two)]).unwrap();
    spool.seal().unwrap();
    let mut segment = spool.next_segment(None).unwrap();
    assert!(matches!(segment.next().unwrap(), Some(Kept::Logs(_))));
    segment.note_delivered().unwrap();
    assert_eq!(all(&mut segment).len(), 2, "reading goes on where it was");
    drop(segment);
    let mut again = spool.next_segment(None).unwrap();
    assert_eq!(all(&mut again), ["event 1".to_owned(), format!("logs {}", two[0].message)]);
}

#[test]
fn segments_are_delivered_in_the_order_in_which_they_were_begun() {
    let home = tempfile::tempdir().unwrap();
    let spool = Spool::new(home.path(), URL);
    for number in 1..=3 {
        spool.append(&[Entry::Event(&event(number))]).unwrap();
        spool.seal().unwrap();
        // Names have a quarter of a microsecond.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (mut last, mut found) = (None::<PathBuf>, Vec::new());
    while let Some(mut segment) = spool.next_segment(last.as_deref()) {
        found.extend(all(&mut segment));
        last = Some(segment.path().to_owned());
    }
    assert_eq!(found, ["event 1", "event 2", "event 3"]);
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let home = tempfile::NamedTempFile::new().unwrap();
    let spool = Spool::new(home.path(), URL);
    assert!(spool.append(&[Entry::Event(&event(1))]).is_err());
    assert!(!spool.has_any());
}

/// Not a test, but a process that holds what it keeps: `two_processes_do_not_deliver_the_same` runs it.
#[test]
#[ignore = "another test runs it as a process of its own"]
fn process_that_holds_its_segment() {
    let home = io::read_to_string(io::stdin()).unwrap();
    let spool = Spool::new(Path::new(home.trim()), URL);
    spool.append(&[Entry::Event(&event(2))]).unwrap();
    // It has written when it says so, and ends only when it is killed.
    println!("written");
    loop {
        std::thread::park();
    }
}

#[test]
fn two_processes_do_not_deliver_the_same() {
    use std::io::{BufRead as _, BufReader};

    let home = tempfile::tempdir().unwrap();
    let spool = Spool::new(home.path(), URL);
    spool.append(&[Entry::Event(&event(1))]).unwrap();
    spool.seal().unwrap();
    let name = "record::server::spool::tests::process_that_holds_its_segment";
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = other.stdin.take().unwrap();
    writeln!(input, "{}", home.path().display()).unwrap();
    drop(input);
    let lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("written")));

    let mut own = spool.next_segment(None).unwrap();
    assert_eq!(all(&mut own), ["event 1"]);
    let path = own.path().to_owned();
    assert!(spool.next_segment(Some(&path)).is_none(), "the other process still writes");
    let elsewhere = Spool::new(home.path(), URL);
    assert!(elsewhere.next_segment(None).is_none(), "and this one delivers");
    own.remove().unwrap();
    assert!(elsewhere.has_any());

    other.kill().unwrap();
    other.wait().unwrap();
    let mut left = elsewhere.next_segment(None).unwrap();
    assert_eq!(all(&mut left), ["event 2"], "what a process leaves behind is delivered by others");
}
