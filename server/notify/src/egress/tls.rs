//! Whom to trust.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

/// The settings for TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// The operator's file.
    #[error("the certificates of `egress.authorities` cannot be read: {0}")]
    Pem(#[from] pem::Error),
    /// The system's authorities, or a certificate that is not one.
    #[error("there are no certificate authorities to trust: install `ca-certificates` ({0})")]
    Tls(#[from] rustls::Error),
}

/// Trusts the authorities of the operating system, and those of an operator's PEM file.
///
/// The system's, not a list of our own: it is updated without a new Carillon, and it is where an
/// organisation installs its own authority. The rest of the server does the same.
///
/// # Errors
/// [`BadTls`], when the system has none, or the file cannot be used.
pub fn tls(authorities: Option<&[u8]>) -> Result<ClientConfig, BadTls> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let own: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(authorities.unwrap_or_default())
            .collect::<Result<_, _>>()?;
    let verifier = Verifier::new_with_extra_roots(own, Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(config.with_no_client_auth())
}

/// Trusts nobody: for a client that asks nothing.
pub fn distrustful() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks the versions that are safe")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}
