//! On whose behalf requests are made.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// On whose behalf requests are made. Each member that is there is a header `X-Prefect-…` of every request.
///
/// Prefect Cloud shows them in its statistics; a server of your own ignores them.
///
/// # Examples
///
/// ```
/// use context_client::{Attribution, ClientConfig, PrefectClient};
///
/// let client = PrefectClient::new(ClientConfig::new("http://127.0.0.1:4200/api")?)?;
/// let client = client.with_attribution(&Attribution {
///     flow_name: Some("nightly-load".to_owned()),
///     ..Attribution::default()
/// });
/// # Ok::<(), context_client::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// The flow.
    pub flow_id: Option<Uuid>,
    /// Its name.
    pub flow_name: Option<String>,
    /// The deployment of the flow run.
    pub deployment_id: Option<Uuid>,
    /// Its name.
    pub deployment_name: Option<String>,
    /// The worker that started the flow run.
    pub worker_id: Option<Uuid>,
    /// Its name.
    pub worker_name: Option<String>,
}

impl Attribution {
    /// As headers. Spaces around a name are dropped; a name that no header can carry is left out.
    pub(crate) fn headers(&self) -> HeaderMap {
        let id = |id: Option<Uuid>| id.map(|id| id.to_string());
        let members = [
            ("x-prefect-flow-id", id(self.flow_id)),
            ("x-prefect-flow-name", self.flow_name.clone()),
            ("x-prefect-deployment-id", id(self.deployment_id)),
            ("x-prefect-deployment-name", self.deployment_name.clone()),
            ("x-prefect-worker-id", id(self.worker_id)),
            ("x-prefect-worker-name", self.worker_name.clone()),
        ];
        members
            .into_iter()
            .filter_map(|(name, text)| {
                let text = text?;
                let text = text.trim_matches([' ', '\t']);
                let value = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty())?;
                Some((HeaderName::from_static(name), value))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_a_header() {
        let attribution = Attribution {
            flow_id: Some(Uuid::from_u128(7)),
            flow_name: Some("  crème brûlée\t".to_owned()),
            deployment_name: Some("two\nlines".to_owned()),
            worker_name: Some("   ".to_owned()),
            ..Attribution::default()
        };
        let headers = attribution.headers();
        assert_eq!(headers.len(), 2, "{headers:?}");
        assert_eq!(headers["x-prefect-flow-id"], "00000000-0000-0000-0000-000000000007");
        assert_eq!(headers["x-prefect-flow-name"].as_bytes(), "crème brûlée".as_bytes());
    }
}
