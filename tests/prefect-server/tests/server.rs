//! The server that other tests rely on: it is the right one, does what its options say, can be killed and started again,
//! and does not outlive the test.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use prefect_server::{Options, PrefectServer, VERSION};
use serde_json::json;

#[test]
fn the_shared_server_is_there_and_keeps_what_it_is_told() {
    let Some(server) = PrefectServer::shared() else { return };
    assert_eq!(server.get("/admin/version"), VERSION);
    let flow = server.post("/flows/", &json!({"name": "prefect-server-shared"}));
    assert_eq!(server.get("/flows/name/prefect-server-shared")["id"], flow["id"]);
    assert!(std::ptr::eq(server, PrefectServer::shared().unwrap()));
}

/// One server for all of these, since each start takes seconds.
#[test]
fn a_server_of_ones_own_is_protected_killed_started_again_and_paused() {
    if !PrefectServer::can_start() {
        return;
    }
    let mut server = PrefectServer::not_started(Options::new().auth("ann:secret").csrf(true));
    assert!(!server.is_running());
    assert!(TcpStream::connect(server.address()).is_err());

    server.restart();
    assert!(server.is_running());
    let flow = server.post("/flows/", &json!({"name": "survivor"}));
    let mut stranger = TcpStream::connect(server.address()).unwrap();
    stranger.write_all(b"GET /api/admin/version HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stranger.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");

    let (url, id) = (server.api_url().to_owned(), server.process_id());
    server.kill();
    assert!(!server.is_running());
    assert!(TcpStream::connect(server.address()).is_err());
    server.restart();
    assert_eq!(server.api_url(), url);
    assert_ne!(server.process_id(), id);
    assert_eq!(server.get("/flows/name/survivor")["id"], flow["id"]);

    server.pause();
    let mut waiting = TcpStream::connect(server.address()).unwrap();
    waiting.write_all(b"GET /api/health HTTP/1.0\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(waiting.read(&mut [0]).is_err());
    server.resume();
    waiting.set_read_timeout(None).unwrap();
    answer.clear();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\ntrue"), "{answer}");

    server.stop();
    assert!(TcpStream::connect(server.address()).is_err());
    let home = server.home().to_owned();
    drop(server);
    assert!(!home.exists());
}

/// Until `is_gone`, for ten seconds. Nobody tells us when a foreign process ends.
fn await_gone(is_gone: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !is_gone() && begun.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(20));
    }
    is_gone()
}

/// Whether the process runs. A zombie does not.
fn runs(id: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &id.to_string()]).output().unwrap();
    let state = String::from_utf8(state.stdout).unwrap();
    !state.trim().is_empty() && !state.starts_with('Z')
}

#[test]
fn a_server_ends_with_the_test_that_is_killed() {
    if !PrefectServer::can_start() {
        return;
    }
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "starts_a_server_and_waits_to_be_killed", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(test.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find_map(|line| Some(line.strip_prefix("| ")?.to_owned())).unwrap();
    let (id, home) = line.split_once(' ').unwrap();
    let (id, home) = (id.parse().unwrap(), Path::new(home));
    assert!(runs(id) && home.exists());

    test.kill().unwrap();
    test.wait().unwrap();
    assert!(await_gone(|| !runs(id)), "the server {id} is still there");
    assert!(await_gone(|| !home.exists()), "{} is still there", home.display());
}

#[test]
#[ignore = "a program of the test above"]
fn starts_a_server_and_waits_to_be_killed() {
    let mut server = PrefectServer::start(Options::new());
    server.pause(); // It could not even notice by itself.
    println!("\n| {} {}", server.process_id().unwrap(), server.home().display());
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
