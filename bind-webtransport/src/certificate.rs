//! Certificates.

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use web_transport_quinn::quinn::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig};
use web_transport_quinn::{ALPN, crypto};

/// A certificate chain and its key.
#[derive(Debug)]
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The chain has no certificate.
    #[error("the chain has no certificate")]
    Empty,
    /// A file cannot be read, or holds nothing of the kind in PEM form.
    #[error("a file holds no certificate or no key in PEM form: {0}")]
    Pem(#[from] pem::Error),
    /// The key cannot be used, or is not that of the first certificate.
    #[error("certificate or key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Certificate {
    /// Takes a chain, which starts with the server's own certificate, and its key in DER form.
    #[must_use]
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key }
    }

    /// Reads a chain and its key, both PEM. Both may be in the same file.
    ///
    /// # Errors
    /// [`CertificateError::Pem`].
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, CertificateError> {
        let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<_, _>>()?;
        Ok(Self { chain, key: PrivateKeyDer::from_pem_file(key)? })
    }

    /// Returns the SHA-256 of the server's own certificate, for `serverCertificateHashes` of browsers.
    ///
    /// They take a certificate by its hash when it has a key for ECDSA and is valid for at most 14 days.
    #[must_use]
    pub fn sha256(&self) -> Option<[u8; 32]> {
        let provider = Arc::new(ring::default_provider());
        let hash = crypto::sha256(&provider, self.chain.first()?);
        hash.as_ref().try_into().ok()
    }

    /// The configuration of QUIC with this certificate.
    pub(crate) fn config(&self) -> Result<QuicServerConfig, CertificateError> {
        if self.chain.is_empty() {
            return Err(CertificateError::Empty);
        }
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![ALPN.as_bytes().to_vec()];
        config.try_into().map_err(|NoInitialCipherSuite { .. }| {
            rustls::Error::General("the cipher suite of QUIC is missing".into()).into()
        })
    }
}
