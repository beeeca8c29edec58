//! Proxies that the environment names. It is read when a client is made, so each of these is a process of its own.

use std::process::Command;
use std::sync::{Arc, Mutex};

use context_client::{ClientConfig, PrefectClient};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::peer::{Reply, serve};
use crate::websockets::greet;

/// A name that only the proxy knows.
const API_URL: &str = "http://prefect.invalid:4200/api";

/// Runs the test `name` in a process with these variables.
fn run(name: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("proxies::{name}"), "--exact", "--ignored", "--nocapture"]);
    for old in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(old);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("running 1 test"), "{text}");
    assert!(output.status.success(), "{text}");
    text.into_owned()
}

#[ignore = "run by those below, with a proxy in the environment"]
#[tokio::test]
async fn reach_the_server() {
    let client = PrefectClient::new(ClientConfig::new(API_URL).unwrap()).unwrap();
    assert_eq!(client.server_version().await.unwrap(), "3.8.8");
    client.events_in().await.unwrap().close().await.unwrap();
}

#[ignore = "run by those below, with a proxy in the environment"]
#[tokio::test]
async fn say_why_not() {
    let client = PrefectClient::new(ClientConfig::new(API_URL).unwrap()).unwrap();
    println!("WHY: {}", client.events_in().await.unwrap_err());
}

/// Serves one connection as a proxy, and as what is behind it. Returns the head of the request.
async fn proxy(mut stream: TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Looked at only: what is no tunnel is left to the server.
        let mut seen = [0; 4096];
        let length = stream.peek(&mut seen).await.unwrap();
        head = seen[..length].to_vec();
    }
    let head = String::from_utf8(head).unwrap();
    if head.starts_with("CONNECT ") {
        stream.read_exact(&mut vec![0; head.len()]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        let mut socket = greet(stream).await;
        while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
    } else {
        let version = |_: &_, _| Reply::new(200, "\"3.8.8\"").with("Connection", "close");
        let requests = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(stream, requests, Arc::new(version)));
    }
    head
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_and_websockets_go_through_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://ann:s3cret@{}", listener.local_addr().unwrap());
    let proxy = tokio::spawn(async move {
        let request = proxy(listener.accept().await.unwrap().0).await;
        let websocket = proxy(listener.accept().await.unwrap().0).await;
        (request, websocket)
    });
    run("reach_the_server", &[("HTTP_PROXY", &url)]);
    let (request, websocket) = proxy.await.unwrap();
    assert!(request.starts_with("GET http://prefect.invalid:4200/api/admin/version "), "{request}");
    assert!(websocket.starts_with("CONNECT prefect.invalid:4200 "), "{websocket}");
    for head in [request, websocket] {
        let head = head.to_lowercase();
        assert!(head.contains("proxy-authorization: basic yw5uonmzy3jlda=="), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://ann:s3cret@{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 407 Who are you?\r\n\r\n").await.unwrap();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|length| length > 0) {}
    });
    let text = run("say_why_not", &[("HTTP_PROXY", &url)]);
    assert!(text.contains("WHY: cannot connect to the Prefect API"), "{text}");
    assert!(text.contains("the proxy 127.0.0.1") && text.contains("407 Who are you?"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn a_proxy_for_something_else_is_refused() {
    let text = run("say_why_not", &[("ALL_PROXY", "socks5://127.0.0.1:1")]);
    assert!(text.contains("is not one for plain HTTP"), "{text}");
}

#[test]
fn a_host_can_be_left_out() {
    let proxy = ("HTTP_PROXY", "http://127.0.0.1:1");
    let text = run("say_why_not", &[proxy, ("NO_PROXY", "prefect.invalid")]);
    assert!(text.contains("WHY: cannot connect"), "{text}");
    // It was looked for itself, and is not known.
    assert!(!text.contains("Connection refused"), "{text}");
}
