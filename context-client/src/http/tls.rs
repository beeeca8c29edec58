//! TLS for requests and websockets, set up once and the same for both.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::config::{ClientConfig, ConfigError};

/// What is trusted: the certificates of a file, or the system's; or anything, if that is asked for.
///
/// Nothing is read for an `http` URL.
pub(crate) fn client_config(config: &ClientConfig) -> Result<rustls::ClientConfig, ConfigError> {
    let provider = Arc::new(ring::default_provider());
    let wrong = |err: rustls::Error| ConfigError::Tls { detail: err.to_string() };
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(wrong)?;
    let with_roots = if config.url.scheme() != "https" {
        builder.with_root_certificates(RootCertStore::empty())
    } else if config.tls_insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAnything(provider)))
    } else if let Some(path) = &config.ssl_cert_file {
        builder.with_root_certificates(certificates(path)?)
    } else {
        builder.with_platform_verifier().map_err(wrong)?
    };
    Ok(with_roots.with_no_client_auth())
}

fn certificates(path: &Path) -> Result<RootCertStore, ConfigError> {
    let wrong = |detail: String| ConfigError::CertFile { path: path.to_owned(), detail };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|err| wrong(err.to_string()))? {
        let certificate = certificate.map_err(|err| wrong(err.to_string()))?;
        roots.add(certificate).map_err(|err| wrong(err.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

/// Accepts each certificate. The connection is encrypted, but with whom is not known.
#[derive(Debug)]
struct TrustAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
