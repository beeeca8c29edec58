//! Opening a websocket: through a proxy if there is one, with TLS if the URL says so, and past the server's door.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io};

use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::client::proxy::matcher::Intercept;
use reqwest::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::error::ApiError;
use crate::http::{Transport, causes, user_agent};

/// The close code for "you may not".
const POLICY_VIOLATION: u16 = 1008;

pub(super) type Socket = WebSocketStream<Stream>;

/// Opens the websocket at `path` and shows the credentials, all within the request timeout.
pub(super) async fn open(transport: &Transport, path: &'static str) -> Result<Socket, ApiError> {
    within_timeout(transport, path, async {
        let mut socket = upgrade(transport, path).await?;
        authenticate(transport, path, &mut socket).await?;
        Ok(socket)
    })
    .await
}

/// Sends one frame, within the request timeout.
pub(super) async fn send(
    socket: &mut Socket,
    transport: &Transport,
    path: &'static str,
    frame: String,
) -> Result<(), ApiError> {
    within_timeout(transport, path, async {
        socket.send(Message::text(frame)).await.map_err(|err| closed_by(path, &err))
    })
    .await
}

async fn within_timeout<T>(
    transport: &Transport,
    path: &'static str,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let timeout = transport.config().request_timeout;
    tokio::time::timeout(timeout, Box::pin(work)).await.unwrap_or_else(|_| {
        Err(ApiError::Timeout {
            method: "GET",
            path: path.to_owned(),
            api_url: transport.config().api_url().to_owned(),
            timeout,
        })
    })
}

async fn upgrade(transport: &Transport, path: &'static str) -> Result<Socket, ApiError> {
    let unreachable = |detail: String| ApiError::Connect {
        api_url: transport.config().api_url().to_owned(),
        detail,
    };
    let url = format!("{}{path}", transport.config().api_url());
    let to = url.parse::<Uri>().map_err(|err| unreachable(err.to_string()))?;
    let stream = connect(transport, &to).await.map_err(|err| unreachable(causes(&err)))?;

    let websocket_url = url.replacen("http", "ws", 1);
    let mut request =
        websocket_url.into_client_request().map_err(|err| unreachable(err.to_string()))?;
    for (name, value) in transport.headers() {
        request.headers_mut().insert(name, value.clone());
    }
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("prefect"));
    if let Ok(agent) = HeaderValue::try_from(user_agent()) {
        request.headers_mut().insert(USER_AGENT, agent);
    }
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(WsError::Http(answer)) => Err(ApiError::WebsocketRefused {
            path: path.to_owned(),
            code: Some(answer.status().as_u16()),
            detail: format!("the answer is {}", answer.status()),
        }),
        Err(err @ WsError::Io(_)) => Err(closed_by(path, &err)),
        Err(err) => {
            Err(ApiError::Decode { method: "GET", path: path.to_owned(), detail: causes(&err) })
        }
    }
}

/// The server asks who is there, also if it lets everybody in.
async fn authenticate(
    transport: &Transport,
    path: &'static str,
    socket: &mut Socket,
) -> Result<(), ApiError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        reason: Option<String>,
    }
    let config = transport.config();
    let token = config.auth_string.as_ref().or(config.api_key.as_ref());
    let hello = json!({ "type": "auth", "token": token }).to_string();
    socket.send(Message::text(hello)).await.map_err(|err| closed_by(path, &err))?;
    let refused = |code, detail: String| {
        Err(ApiError::WebsocketRefused { path: path.to_owned(), code, detail })
    };
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => match serde_json::from_str::<Answer>(&text) {
                Ok(answer) if answer.kind == "auth_success" => return Ok(()),
                Ok(answer) if answer.kind.starts_with("auth") => {
                    let reason = answer.reason.unwrap_or_else(|| "the credentials".to_owned());
                    return refused(Some(POLICY_VIOLATION), reason);
                }
                _ => {
                    return Err(ApiError::Decode {
                        method: "GET",
                        path: path.to_owned(),
                        detail: "the first frame is no answer to the credentials".to_owned(),
                    });
                }
            },
            Some(Ok(Message::Close(frame))) => {
                let (code, detail) = of_close(frame.as_ref());
                return refused(code, detail);
            }
            Some(Ok(_)) => {}
            Some(Err(err)) => return Err(closed_by(path, &err)),
            None => return refused(None, "the connection ended".to_owned()),
        }
    }
}

/// Why a websocket is over, as an error of its own shows it.
pub(super) fn closed_by(path: &'static str, err: &WsError) -> ApiError {
    ApiError::WebsocketClosed { path: path.to_owned(), code: None, detail: causes(err) }
}

/// What a close frame says.
pub(super) fn of_close(frame: Option<&CloseFrame>) -> (Option<u16>, String) {
    match frame {
        None => (None, "no reason was given".to_owned()),
        Some(frame) if frame.reason.is_empty() => {
            (Some(frame.code.into()), "no reason was given".to_owned())
        }
        Some(frame) => (Some(frame.code.into()), frame.reason.to_string()),
    }
}

/// A connection to the host of `to`, directly or through the proxy that the environment names.
async fn connect(transport: &Transport, to: &Uri) -> io::Result<Stream> {
    let host = to.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let secure = to.scheme_str() == Some("https");
    let port = to.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = match transport.proxies().intercept(to) {
        Some(proxy) => through_proxy(&proxy, host, port).await?,
        None => TcpStream::connect((bare, port)).await?,
    };
    stream.set_nodelay(true)?;
    if !secure {
        return Ok(Stream::Plain(stream));
    }
    let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
    let connector = TlsConnector::from(transport.tls());
    Ok(Stream::Tls(Box::new(connector.connect(name, stream).await?)))
}

/// A tunnel to `host` through a proxy that speaks plain HTTP.
async fn through_proxy(proxy: &Intercept, host: &str, port: u16) -> io::Result<TcpStream> {
    let of_proxy = |detail: &str| {
        let name = proxy.uri().host().unwrap_or_default();
        io::Error::other(format!("the proxy {name} (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) {detail}"))
    };
    if proxy.uri().scheme_str() != Some("http") {
        return Err(of_proxy("is not one for plain HTTP, which websockets need"));
    }
    let address = proxy.uri().host().unwrap_or_default();
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let mut stream = TcpStream::connect((address, proxy.uri().port_u16().unwrap_or(80))).await?;
    let mut request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(auth) = proxy.basic_auth() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(auth.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    // Byte by byte: what follows the head belongs to the tunnel.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > 16 * 1024 {
            return Err(of_proxy("answered with too long a head"));
        }
        head.push(stream.read_u8().await?);
    }
    let status = String::from_utf8_lossy(&head);
    let status = status.lines().next().unwrap_or_default();
    if status.split(' ').nth(1).is_some_and(|code| code.starts_with('2')) {
        Ok(stream)
    } else {
        Err(of_proxy(&format!("refused the connection: {status}")))
    }
}

/// A connection, encrypted or not.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Stream::Plain",
            Self::Tls(_) => "Stream::Tls",
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
