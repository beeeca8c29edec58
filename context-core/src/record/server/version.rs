//! The server's version: whether it can be talked to.

use super::Server;
use crate::record::OrchestrationError;

/// The release of Prefect whose API this speaks.
const SPOKEN: (u32, u32, u32) = (3, 8, 8);

impl Server {
    /// Looks at the server's version, once.
    ///
    /// # Errors
    ///
    /// If it has another major version, or does not answer.
    pub(super) async fn check_version(&self) -> Result<(), OrchestrationError> {
        if !self.settings().client_server_version_check_enabled()
            || self.settings().connected_to_cloud()
        {
            return Ok(());
        }
        let version = &self.0.connection.version;
        version.get_or_try_init(|| self.ask_for_version()).await.copied()
    }

    async fn ask_for_version(&self) -> Result<(), OrchestrationError> {
        let text = match self.api().server_version().await {
            Ok(text) => text,
            // What stands before it may hide it.
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(self.explain("use the server", &error)),
        };
        match compare(&text) {
            Fit::Same => Ok(()),
            Fit::Older => {
                tracing::warn!(
                    "the server at {} is of version {text}, which is older than {}: some things may not work; update it",
                    self.api_url(),
                    spoken(),
                );
                Ok(())
            }
            Fit::OtherMajor => Err(OrchestrationError::new(format!(
                "the server at {} is of version {text}, but this speaks the API of {}; use a server of version {}, \
                 or set PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED=false to try nevertheless",
                self.api_url(),
                spoken(),
                SPOKEN.0,
            ))),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// The same version, a newer one, or one that cannot be read.
    Same,
    Older,
    OtherMajor,
}

fn compare(text: &str) -> Fit {
    // Builds between releases have more parts, such as `3.8.9.dev1+g1234567`.
    let mut parts = text.trim().split(['.', '+', '-']).map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (parts.next(), parts.next()) else { return Fit::Same };
    if major != SPOKEN.0 {
        return Fit::OtherMajor;
    }
    if (major, minor, parts.next().unwrap_or(0)) < SPOKEN { Fit::Older } else { Fit::Same }
}

fn spoken() -> String {
    let (major, minor, patch) = SPOKEN;
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_far_as_they_can_be_read() {
        for (text, fit) in [
            ("3.8.8", Fit::Same),
            ("3.9.0", Fit::Same),
            ("3.8.9.dev1+g1234567", Fit::Same),
            ("3.8.7", Fit::Older),
            ("3.0.0rc1", Fit::Older),
            ("2.20.3", Fit::OtherMajor),
            ("4.0.0", Fit::OtherMajor),
            ("", Fit::Same),
            ("unknown", Fit::Same),
        ] {
            assert_eq!(compare(text), fit, "{text}");
        }
    }
}
