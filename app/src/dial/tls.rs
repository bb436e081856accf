//! TLS of clients: certificates that are trusted, and those that are shown.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sansocket::client::Fault;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};

use crate::dial::secure::Secure;
use crate::serve::carry::Wire;
use crate::serve::tls::{HTTP, TlsConnection};

#[cfg(test)]
mod tests;

/// How a client trusts servers, and what it shows of itself. Clones share it.
///
/// Without one, a client trusts the certificate authorities of the system. Certificates are always verified, unless
/// [`danger_accept_invalid_certificates`](TlsBuilder::danger_accept_invalid_certificates) was called.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

/// Makes a [`Tls`].
///
/// ```no_run
/// use sansocket_app::client::Tls;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = Tls::builder()
///     .only_root_certificates(std::fs::read("our-ca.pem")?)
///     .client_certificate(std::fs::read("me.pem")?, std::fs::read("me.key")?)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "nothing is made until `build` is called"]
pub struct TlsBuilder {
    roots: Vec<Vec<u8>>,
    system: System,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    name: Option<String>,
    verification: Verification,
}

/// Whether the authorities of the system are trusted.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum System {
    Distrusted,
    #[default]
    Trusted,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Verification {
    #[default]
    Full,
    /// Any certificate will do.
    Signature,
}

/// Why a client has no TLS.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The name that certificates should have is no name of a server.
    #[error("{0:?} is no name of a server, and no address")]
    Name(String),
    /// A text holds no certificate.
    #[error("there is no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// A text holds no key.
    #[error("there is no private key in PEM form, or it is encrypted")]
    NoKey,
    /// The system has no certificate authorities.
    #[error(
        "the system has no certificate authorities ({0}): install them (ca-certificates), or name your own"
    )]
    NoRoots(String),
    /// A text is no proper PEM.
    #[error("a certificate or key is damaged: {0}")]
    Pem(String),
    /// The certificate, the key or the configuration cannot be used.
    #[error("certificate, key or configuration cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Tls {
    /// Begins with full verification, against the certificate authorities of the system.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// Takes a whole configuration. The protocol offered (ALPN) becomes `http/1.1`.
    #[must_use]
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        let mut config = Arc::unwrap_or_clone(config);
        config.alpn_protocols = vec![HTTP.to_vec()];
        Self { config: Arc::new(config), name: None }
    }
}

impl TlsBuilder {
    /// Trusts more certificate authorities: one or more certificates, in PEM form.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Trusts these certificate authorities, and those of the system no more.
    pub fn only_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.system = System::Distrusted;
        self.root_certificates(pem)
    }

    /// Shows a certificate to servers that ask for one: a chain that begins with the client's own, and its
    /// key, both in PEM form.
    pub fn client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.identity = Some((chain.into(), key.into()));
        self
    }

    /// Expects this name in the certificate of the server, instead of the host of the URL.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// **Dangerous**: accepts any certificate of any server, so that whoever is on the way can read and change
    /// everything. For tests; for a server with a certificate of its own, name that one with
    /// [`only_root_certificates`](Self::only_root_certificates).
    pub fn danger_accept_invalid_certificates(mut self) -> Self {
        self.verification = Verification::Signature;
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// What of it cannot be used.
    pub fn build(self) -> Result<Tls, TlsError> {
        let name = self
            .name
            .map(|name| ServerName::try_from(name.clone()).map_err(|_| TlsError::Name(name)));
        let name = name.transpose()?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let builder = match self.verification {
            Verification::Full => builder.with_root_certificates(roots(self.system, &self.roots)?),
            Verification::Signature => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            }
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_auth_cert(certificates(chain)?, private_key(key)?)?
            }
        };
        config.alpn_protocols = vec![HTTP.to_vec()];
        Ok(Tls { config: Arc::new(config), name })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Which certificates a client trusts: those that the application chose, or those of the system, which are
/// read when they are needed, once for a client and its clones.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    chosen: Option<Tls>,
    default: Arc<OnceLock<Result<Tls, TlsError>>>,
}

impl Trust {
    pub(crate) fn new(tls: Tls) -> Self {
        Self { chosen: Some(tls), default: Arc::default() }
    }

    /// Encrypts a stream to a proxy.
    pub(super) async fn to_proxy<S: Wire>(
        &self,
        stream: S,
        host: &str,
    ) -> Result<Secure<S>, Fault> {
        handshake(stream, self.tls()?, name(host)?).await
    }

    /// Encrypts a stream to the server.
    pub(super) async fn to_server<S: Wire>(
        &self,
        stream: S,
        host: &str,
    ) -> Result<Secure<S>, Fault> {
        let tls = self.tls()?;
        let name = tls.name.clone().map_or_else(|| name(host), Ok)?;
        handshake(stream, tls, name).await
    }

    fn tls(&self) -> Result<&Tls, Fault> {
        let default = || self.default.get_or_init(|| Tls::builder().build()).as_ref();
        self.chosen
            .as_ref()
            .map_or_else(default, Ok)
            .map_err(|error| Fault::transport(error.to_string()))
    }
}

async fn handshake<S: Wire>(
    stream: S,
    tls: &Tls,
    name: ServerName<'static>,
) -> Result<Secure<S>, Fault> {
    let connection = TlsConnection::client(tls.config.clone(), name);
    let connection = connection.map_err(|error| Fault::transport(error.to_string()))?;
    let mut stream = Secure::new(stream, connection);
    let done = poll_fn(|context| stream.poll_handshake(context)).await;
    done.map_err(|error| Fault::transport(error.to_string()))?;
    Ok(stream)
}

fn name(host: &str) -> Result<ServerName<'static>, Fault> {
    let name = ServerName::try_from(host.to_owned());
    name.map_err(|_| Fault::transport(TlsError::Name(host.to_owned()).to_string()))
}

fn roots(system: System, own: &[Vec<u8>]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    if system == System::Trusted {
        let found = rustls_native_certs::load_native_certs();
        // Systems carry certificates that no library reads any more.
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() && own.is_empty() {
            let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            return Err(TlsError::NoRoots(errors.join(", ")));
        }
    }
    for pem in own {
        for certificate in certificates(pem)? {
            roots.add(certificate)?;
        }
    }
    Ok(roots)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| TlsError::Pem(error.to_string()))?;
    if found.is_empty() { Err(TlsError::NoCertificate) } else { Ok(found) }
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        if matches!(error, pem::Error::NoItemsFound) {
            TlsError::NoKey
        } else {
            TlsError::Pem(error.to_string())
        }
    })
}

/// Lets any certificate pass. The signature of the handshake is checked all the same: a server has the key of
/// what it shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
