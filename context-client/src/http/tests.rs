use proptest::prelude::*;

use super::*;

fn config() -> ClientConfig {
    ClientConfig::new("http://127.0.0.1:4200/api").unwrap()
}

fn authorization(config: &ClientConfig) -> Option<String> {
    let headers = headers(config).unwrap();
    headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn a_path_is_escaped() {
    assert_eq!(segment("a-b_c.d~1"), "a-b_c.d~1");
    assert_eq!(segment("two words/ä?#%"), "two%20words%2F%C3%A4%3F%23%25");
}

proptest! {
    #[test]
    fn a_segment_is_one_segment_and_means_the_text(text in ".+") {
        let url = url::Url::parse(&format!("http://host/{}", segment(&text))).unwrap();
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        // A segment of dots alone means something else in a path, escaped or not.
        prop_assume!(!matches!(text.as_str(), "." | ".."));
        prop_assert_eq!(segments.len(), 1);
        let meant = percent_encoding::percent_decode_str(segments[0]).decode_utf8().unwrap();
        prop_assert_eq!(meant, text);
    }
}

#[test]
fn without_credentials_none_are_sent() {
    let headers = headers(&config()).unwrap();
    assert_eq!(headers.len(), 1);
    assert_eq!(headers["x-prefect-api-version"], API_VERSION);
}

#[test]
fn the_auth_string_goes_before_the_key_and_the_url() {
    let url = ClientConfig::new("https://ann:p%40ss@host/api").unwrap();
    assert_eq!(authorization(&url).unwrap(), format!("Basic {}", BASE64.encode("ann:p@ss")));
    let with_key = url.with_api_key(Some("pnu_1".to_owned()));
    assert_eq!(authorization(&with_key).unwrap(), "Bearer pnu_1");
    let with_both = with_key.with_auth_string(Some("admin:pass".to_owned()));
    assert_eq!(
        authorization(&with_both).unwrap(),
        format!("Basic {}", BASE64.encode("admin:pass"))
    );
}

#[test]
fn empty_credentials_are_none() {
    let config = config().with_api_key(Some(String::new())).with_auth_string(Some(String::new()));
    assert_eq!(authorization(&config), None);
}

#[test]
fn a_custom_header_is_sent_and_replaces() {
    let config = config()
        .with_api_key(Some("pnu_1".to_owned()))
        .with_header("X-Gateway", "one")
        .with_header("x-gateway", "two")
        .with_header("authorization", "Gateway 7");
    let headers = headers(&config).unwrap();
    assert_eq!(headers.get_all("x-gateway").iter().collect::<Vec<_>>(), ["two"]);
    assert_eq!(headers[AUTHORIZATION], "Gateway 7");
}

#[test]
fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    let wrong = |config: ClientConfig| Transport::new(config).unwrap_err().to_string();
    let text = wrong(config().with_header("X-Key", "s3cret\n"));
    assert!(text.contains("X-Key") && text.contains("line break"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    let text = wrong(config().with_header("X Key", "s3cret"));
    assert!(text.contains("\"X Key\""), "{text}");
    let text = wrong(config().with_header("user-agent", "mine"));
    assert!(text.contains("\"user-agent\" is the client's own"), "{text}");
    let text = wrong(config().with_api_key(Some("s3cret\n".to_owned())));
    assert!(text.contains("PREFECT_API_KEY") && !text.contains("s3cret"), "{text}");
}

#[cfg(not(feature = "http2"))]
#[test]
fn http2_without_its_feature_is_refused() {
    let err = Transport::new(config().with_http2(true)).unwrap_err();
    assert_eq!(err, ConfigError::Http2Off);
}

#[test]
fn certificates_that_cannot_be_read_are_an_error_for_https_only() {
    let missing = Some("/nowhere/ca.pem".into());
    let plain = config().with_ssl_cert_file(missing.clone());
    assert!(Transport::new(plain).is_ok());
    let secure = ClientConfig::new("https://127.0.0.1/api").unwrap().with_ssl_cert_file(missing);
    let text = Transport::new(secure).unwrap_err().to_string();
    assert!(text.contains("/nowhere/ca.pem"), "{text}");
    assert!(text.contains("PREFECT_API_SSL_CERT_FILE"), "{text}");

    let empty = tempfile::NamedTempFile::new().unwrap();
    let secure = ClientConfig::new("https://127.0.0.1/api")
        .unwrap()
        .with_ssl_cert_file(Some(empty.path().to_owned()));
    let text = Transport::new(secure).unwrap_err().to_string();
    assert!(text.contains("there is no certificate in it"), "{text}");
}

#[test]
fn debug_shows_no_secret() {
    let config = ClientConfig::new("http://ann:s3cret@127.0.0.1/api").unwrap();
    let transport = Transport::new(config.with_header("X-Key", "s3cret")).unwrap();
    assert!(!format!("{transport:?}").contains("s3cret"));
}
