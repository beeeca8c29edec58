use super::*;

#[test]
fn a_url_is_kept_without_its_end_and_without_credentials() {
    let config = ClientConfig::new(" https://ann:s3%2Fcret@host:8443/prefect/api// ").unwrap();
    assert_eq!(config.api_url(), "https://host:8443/prefect/api");
    let info = config.userinfo.as_ref().unwrap();
    assert_eq!((info.user.as_str(), info.password.as_str()), ("ann", "s3/cret"));
    assert_eq!(ClientConfig::new("http://host").unwrap().api_url(), "http://host");
    assert!(ClientConfig::new("http://host/api").unwrap().userinfo.is_none());
}

#[test]
fn what_is_no_api_url_is_refused() {
    let wrong = |url: &str| ClientConfig::new(url).unwrap_err().to_string();
    assert!(wrong("").contains("PREFECT_API_URL"));
    assert!(wrong("localhost:4200/api").contains("the scheme is `localhost`"));
    assert!(wrong("ftp://host/api").contains("the scheme is `ftp`"));
    assert!(wrong("http://").contains("empty host"));
    assert!(wrong("http://host/api?key=s3cret").contains("`http://host/api?***`"));
    assert!(wrong("http://host/api#s3cret").contains("no `#`"));
}

#[test]
fn a_refused_url_shows_no_password() {
    for url in
        ["http://ann:s3cret@host:port/api", "http://ann:s3/s3cret@host/api?x", "ann:s3cret@host"]
    {
        let text = ClientConfig::new(url).unwrap_err().to_string();
        assert!(!text.contains("s3"), "{text}");
        assert!(text.contains("***@host"), "{text}");
    }
}

#[test]
fn debug_shows_what_is_set_and_no_secret() {
    let config = ClientConfig::new("http://ann:s3cret1@host/api")
        .unwrap()
        .with_api_key(Some("s3cret2".to_owned()))
        .with_auth_string(Some("admin:s3cret3".to_owned()))
        .with_header("X-Key", "s3cret4")
        .with_max_retries(9);
    let text = format!("{config:?}");
    assert!(!text.contains("s3cret") && !text.contains("ann") && !text.contains("admin"), "{text}");
    for part in ["http://host/api", "X-Key", "api_key: Some(***)", "max_retries: 9"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_jitter_is_within_0_and_1() {
    let jitter =
        |factor| ClientConfig::new("http://host").unwrap().with_retry_jitter(factor).retry_jitter;
    assert_eq!([jitter(-1.0), jitter(0.3), jitter(7.0), jitter(f64::NAN)], [0.0, 0.3, 1.0, 0.0]);
}
