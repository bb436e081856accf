//! A certificate for `localhost`, and a client that trusts it.

use rcgen::generate_simple_self_signed;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use sansocket_app::Tls;
use std::fs;
use std::net::TcpStream;
use std::sync::Arc;
use tempfile::TempDir;

/// A certificate with its key, in files.
pub(crate) struct Identity {
    folder: TempDir,
    certificate: String,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a usual name");
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = made.cert.pem();
        fs::write(folder.path().join("cert.pem"), &certificate).expect("a file");
        let key = made.signing_key.serialize_pem();
        fs::write(folder.path().join("key.pem"), key).expect("a file");
        Self { folder, certificate }
    }

    /// The certificate, in PEM form.
    pub(crate) fn pem(&self) -> &str {
        &self.certificate
    }

    /// What the server is given.
    pub(crate) fn tls(&self) -> Tls {
        let folder = self.folder.path();
        Tls::from_pem_files(folder.join("cert.pem"), folder.join("key.pem")).expect("files")
    }

    /// Speaks TLS on a stream, trusting this certificate alone.
    pub(crate) fn encrypt(&self, stream: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        self.encrypt_in(stream, None)
    }

    /// The same in records of at most so many bytes, at least 32.
    pub(crate) fn encrypt_in(
        &self,
        stream: TcpStream,
        fragment: Option<usize>,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let mut config = self.config();
        config.max_fragment_size = fragment;
        StreamOwned::new(session(config), stream)
    }

    /// The ClientHello, as bytes.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        session(self.config()).write_tls(&mut bytes).expect("a vector takes everything");
        bytes
    }

    /// What a client is configured with.
    pub(crate) fn config(&self) -> ClientConfig {
        self.config_of(ring::default_provider(), ALL_VERSIONS)
    }

    /// The same with these algorithms and versions.
    pub(crate) fn config_of(
        &self,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        roots.add(certificate.expect("a certificate")).expect("a root");
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("ring has them")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

/// A client's side of TLS.
pub(crate) fn session(config: impl Into<Arc<ClientConfig>>) -> ClientConnection {
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(config.into(), name).expect("a session")
}
