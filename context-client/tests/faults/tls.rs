//! TLS: who is trusted, over HTTP and over websockets.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use context_client::{ApiError, ClientConfig, PrefectClient};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::peer::{Reply, serve};
use crate::websockets::greet;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

fn acceptor() -> TlsAcceptor {
    let certificates = CertificateDer::pem_file_iter(data("server.pem")).unwrap();
    let certificates = certificates.map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(data("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// A server with a certificate of an authority that nobody knows. Over websockets it greets and hangs up.
async fn server(websocket: bool) -> ClientConfig {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust it hangs up.
            let Ok(stream) = acceptor().accept(stream).await else { continue };
            if websocket {
                drop(greet(stream).await);
            } else {
                let version = |_: &_, _| Reply::new(200, "\"3.8.8\"");
                serve(stream, Arc::new(Mutex::new(Vec::new())), Arc::new(version)).await;
            }
        }
    });
    ClientConfig::new(format!("https://localhost:{port}/api")).unwrap().with_max_retries(0)
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let client = PrefectClient::new(server(false).await).unwrap();
    let err = client.server_version().await.unwrap_err();
    assert!(matches!(err, ApiError::Connect { .. }), "{err:?}");
    assert!(err.to_string().contains("UnknownIssuer"), "{err}");

    let client = PrefectClient::new(server(true).await).unwrap();
    let err = client.events_in().await.unwrap_err();
    assert!(matches!(err, ApiError::Connect { .. }), "{err:?}");
    assert!(err.to_string().contains("UnknownIssuer"), "{err}");
}

#[tokio::test]
async fn an_authority_can_be_named() {
    let trusting = |config: ClientConfig| {
        PrefectClient::new(config.with_ssl_cert_file(Some(data("ca.pem")))).unwrap()
    };
    let client = trusting(server(false).await);
    assert_eq!(client.server_version().await.unwrap(), "3.8.8");
    let client = trusting(server(true).await);
    client.events_in().await.unwrap();
}

#[cfg(feature = "http2")]
#[tokio::test]
async fn http2_is_offered_where_it_is_asked_for() {
    for (asked, agreed) in [(true, Some("h2")), (false, None)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/api", listener.local_addr().unwrap());
        let config = ClientConfig::new(url).unwrap().with_tls_insecure_skip_verify(true);
        let client = PrefectClient::new(config.with_http2(asked).with_max_retries(0)).unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor().accept(stream).await.unwrap();
            stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)
        });
        // It hangs up once it knows what was agreed on.
        client.server_version().await.unwrap_err();
        assert_eq!(server.await.unwrap().as_deref(), agreed.map(str::as_bytes));
    }
}

#[tokio::test]
async fn anything_can_be_trusted() {
    let trusting = |config: ClientConfig| {
        PrefectClient::new(config.with_tls_insecure_skip_verify(true)).unwrap()
    };
    let client = trusting(server(false).await);
    assert_eq!(client.server_version().await.unwrap(), "3.8.8");
    let client = trusting(server(true).await);
    client.events_in().await.unwrap();
}
