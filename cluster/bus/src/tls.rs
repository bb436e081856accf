//! TLS with brokers.

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;

use crate::BrokerError;

/// Which brokers a connection with TLS trusts, and the certificate that it shows them.
///
/// Unless it is told otherwise it trusts the certificate authorities of the system, and shows nothing.
#[derive(Clone, Default)]
pub struct Tls {
    /// In PEM; `None` for those of the system.
    authorities: Option<Vec<u8>>,
    /// Chain and private key in PEM.
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    /// Trusts these certificate authorities, in PEM, instead of those of the system.
    #[must_use]
    pub fn root_certificates(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { authorities: Some(pem.into()), ..self }
    }

    /// Shows a certificate: chain and private key in PEM.
    #[must_use]
    pub fn client_certificate(self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self { identity: Some((chain.into(), key.into())), ..self }
    }

    /// Makes the configuration of a connection. Its cryptography is that of the process, or ring where none was chosen.
    ///
    /// # Errors
    /// [`BrokerError`] when a text is no PEM, or a certificate or key cannot be used.
    pub fn config(&self) -> Result<ClientConfig, BrokerError> {
        let provider = CryptoProvider::get_default().cloned();
        let provider = provider.unwrap_or_else(|| Arc::new(ring::default_provider()));
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().map_err(BrokerError::new)?;
        let config = config.with_root_certificates(self.roots()?);
        match &self.identity {
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key).map_err(BrokerError::new)?;
                config.with_client_auth_cert(certificates(chain)?, key).map_err(BrokerError::new)
            }
            None => Ok(config.with_no_client_auth()),
        }
    }

    fn roots(&self) -> Result<RootCertStore, BrokerError> {
        let mut roots = RootCertStore::empty();
        match &self.authorities {
            Some(pem) => {
                for certificate in certificates(pem)? {
                    roots.add(certificate).map_err(BrokerError::new)?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
        }
        if roots.is_empty() {
            return Err(BrokerError::new("TLS trusts nobody: there is no certificate authority"));
        }
        Ok(roots)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Chooses the cryptography of the process, unless it has one: libraries ask for it, and panic when more than one is
/// compiled in and none was chosen.
pub fn choose_cryptography() {
    if CryptoProvider::get_default().is_none() {
        // Another thread may have been faster.
        let _ = ring::default_provider().install_default();
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BrokerError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(BrokerError::new)?;
    if certificates.is_empty() {
        return Err(BrokerError::new("there is no certificate in PEM form"));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::Tls;

    #[test]
    fn what_is_no_certificate_or_key_is_told() {
        let why = |tls: Tls| tls.config().unwrap_err().to_string();
        assert!(why(Tls::default().root_certificates("x")).contains("no certificate"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let trusting = || Tls::default().root_certificates(made.cert.pem());
        trusting().config().unwrap();
        let key = made.signing_key.serialize_pem();
        trusting().client_certificate(made.cert.pem(), key.clone()).config().unwrap();
        why(trusting().client_certificate(made.cert.pem(), made.cert.pem()));
        let why = why(trusting().client_certificate(key.clone(), key));
        assert!(why.contains("no certificate") && !why.contains("BEGIN"), "{why}");
    }

    /// F11
    #[test]
    fn f11_a_key_is_not_shown() {
        let tls = Tls::default().client_certificate("chain", "s3cret");
        assert_eq!(format!("{tls:?}"), "Tls { .. }");
    }
}
