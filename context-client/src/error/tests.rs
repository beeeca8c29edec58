use super::*;

fn status(code: u16, detail: &str) -> ApiError {
    let (path, detail) = ("/flows/".to_owned(), detail.to_owned());
    ApiError::Status { method: "POST", path, code, detail, retry_after: None }
}

#[test]
fn a_status_is_told_with_what_to_do() {
    let text = |code, detail| status(code, detail).to_string();
    assert_eq!(text(409, "Variable exists"), "POST /flows/ was answered with 409: Variable exists");
    assert_eq!(text(500, ""), "POST /flows/ was answered with 500");
    assert!(text(401, "Unauthorized").contains("PREFECT_API_AUTH_STRING"));
    assert!(text(401, "Unauthorized").contains("PREFECT_API_KEY"));
    assert!(text(403, "Missing CSRF token.").contains("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"));
    assert!(text(403, "Forbidden").contains("do not allow"));
    assert!(text(404, "Not Found").contains("ends in `/api`"));
    assert!(!text(404, "Flow not found").contains("/api"));
    assert!(text(503, "Service Unavailable").contains("try later"));
}

#[test]
fn predicates_tell_errors_apart() {
    assert!(status(404, "").is_not_found());
    assert!(status(409, "").is_conflict());
    assert!(status(423, "Locked").is_locked());
    assert!(status(401, "").is_unauthorized());
    assert!(!status(500, "").is_unreachable());
    for code in [502, 503, 504] {
        assert!(status(code, "").is_unreachable());
    }
    assert_eq!(status(418, "").status(), Some(418));
}

#[test]
fn a_server_that_is_away_is_not_one_that_refuses() {
    let (path, detail) = ("/events/in".to_owned(), String::new());
    let closed =
        |code| ApiError::WebsocketClosed { path: path.clone(), code, detail: detail.clone() };
    let refused =
        |code| ApiError::WebsocketRefused { path: path.clone(), code, detail: detail.clone() };
    for code in [None, Some(1000), Some(1001), Some(1011), Some(1012)] {
        assert!(closed(code).is_unreachable(), "{code:?}");
    }
    for code in [1002, 1008, 4001] {
        assert!(!closed(Some(code)).is_unreachable(), "{code}");
    }
    assert!(closed(Some(1008)).is_unauthorized());
    assert!(refused(Some(403)).is_unauthorized() && !refused(Some(403)).is_unreachable());
    assert!(refused(Some(502)).is_unreachable());
    assert!(refused(Some(1008)).to_string().contains("PREFECT_API_AUTH_STRING"));
    assert!(refused(Some(404)).to_string().contains("/api"));
}

#[test]
fn a_refused_connection_names_the_url_and_the_setting() {
    let err =
        ApiError::Connect { api_url: "http://host/api".to_owned(), detail: "refused".to_owned() };
    let text = err.to_string();
    assert!(text.contains("http://host/api") && text.contains("PREFECT_API_URL"), "{text}");
    assert!(err.is_unreachable());
}
