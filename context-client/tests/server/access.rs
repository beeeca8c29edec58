//! Who is let in: credentials, tokens, and the handshake of websockets.

use context_client::schema::EventFilter;
use context_client::{ApiError, ClientConfig, PrefectClient};
use prefect_server::{Options, PrefectServer};

use crate::{client, shared, unique};

#[tokio::test]
async fn the_server_is_there_and_has_versions() {
    let Some(client) = shared() else { return };
    client.api_healthcheck().await.unwrap();
    assert_eq!(client.server_version().await.unwrap(), prefect_server::VERSION);
    assert_eq!(client.api_version().await.unwrap(), "0.8.4");
    assert_eq!(client.read_server_default_result_storage().await.unwrap(), None);
}

#[tokio::test]
async fn a_url_without_the_api_is_said_to_be_one() {
    let Some(client) = shared() else { return };
    let url = client.api_url().trim_end_matches("/api");
    let client = PrefectClient::new(ClientConfig::new(url).unwrap()).unwrap();
    let err = client.server_version().await.unwrap_err();
    assert!(err.is_not_found(), "{err}");
    assert!(err.to_string().contains("it mostly ends in `/api`"), "{err}");
    let err = client.events_in().await.unwrap_err();
    assert!(matches!(err, ApiError::WebsocketRefused { .. }), "{err:?}");
}

#[tokio::test]
async fn without_authentication_any_credentials_will_do() {
    let Some(client) = shared() else { return };
    let config = client.config().clone().with_auth_string(Some("any:thing".to_owned()));
    let client = PrefectClient::new(config).unwrap();
    client.server_version().await.unwrap();
    client.events_in().await.unwrap().close().await.unwrap();
}

/// One server for all: starting one takes some seconds.
#[tokio::test]
async fn a_server_with_authentication_and_tokens_wants_both() {
    if !PrefectServer::can_start() {
        return;
    }
    let server = PrefectServer::start(Options::new().auth("admin:s3cret").csrf(true));
    let with = |auth: Option<&str>| {
        let config = ClientConfig::new(server.api_url()).unwrap();
        PrefectClient::new(config.with_auth_string(auth.map(str::to_owned))).unwrap()
    };

    // Without credentials, or with wrong ones. Whether the server is there may be known to anybody.
    let key = client(&server).config().clone().with_api_key(Some("s3cret-key".to_owned()));
    let key = PrefectClient::new(key).unwrap();
    for client in [with(None), with(Some("admin:s3cret-wrong")), key] {
        client.api_healthcheck().await.unwrap();
        let err = client.create_flow(&unique("flow"), &[]).await.unwrap_err();
        assert!(err.is_unauthorized() && !err.is_unreachable(), "{err:?}");
        let text = err.to_string();
        assert!(text.contains("401: Unauthorized"), "{text}");
        assert!(text.contains("PREFECT_API_AUTH_STRING") && !text.contains("s3cret"), "{text}");

        let refused = [
            client.events_in().await.unwrap_err(),
            client.subscribe_events(&EventFilter::new(), false).await.unwrap_err(),
        ];
        for err in refused {
            assert!(err.is_unauthorized() && !err.is_unreachable(), "{err:?}");
            let text = err.to_string();
            assert!(text.contains("PREFECT_API_AUTH_STRING") && !text.contains("s3cret"), "{text}");
        }
    }

    // With the right ones. The token is fetched behind the scenes.
    let client = with(Some("admin:s3cret"));
    let flow = client.create_flow(&unique("flow"), &[]).await.unwrap();
    client.delete_flow(flow.id).await.unwrap();
    let events = client.events_in().await.unwrap();
    events.checkpoint().await.unwrap();
    events.close().await.unwrap();
    client.subscribe_events(&EventFilter::new(), true).await.unwrap().close().await;

    // In the URL, as basic authentication.
    let url = server.api_url().replacen("http://", "http://admin:s3cret@", 1);
    let in_url = PrefectClient::new(ClientConfig::new(url).unwrap()).unwrap();
    assert_eq!(in_url.server_version().await.unwrap(), prefect_server::VERSION);

    // Without support for tokens.
    let config = client.config().clone().with_csrf_support(false);
    let err = PrefectClient::new(config).unwrap().create_flow("x", &[]).await.unwrap_err();
    assert_eq!(err.status(), Some(403));
    assert!(err.to_string().contains("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED=true"), "{err}");
}
