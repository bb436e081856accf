//! A TLS client that says what no client says, in records that are sealed properly.

use rustls::client::ClientConnection;
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::ring::{self, cipher_suite};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite,
    SupportedProtocolVersion,
};
use std::io::{self, Write as _};
use std::net::TcpStream;

use super::identity::{Identity, session};

/// A client's end after a whole handshake.
pub(crate) struct Forger {
    pub(crate) stream: TcpStream,
    seal: Box<dyn MessageEncrypter>,
    /// The number of the next record.
    next: u64,
}

impl Forger {
    /// Shakes hands in TLS 1.2.
    pub(crate) fn tls12(identity: &Identity, stream: TcpStream) -> Self {
        Self::new(identity, stream, &TLS12)
    }

    /// Shakes hands in TLS 1.3.
    pub(crate) fn tls13(identity: &Identity, stream: TcpStream) -> Self {
        Self::new(identity, stream, &TLS13)
    }

    fn new(
        identity: &Identity,
        mut stream: TcpStream,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let mut provider = ring::default_provider();
        // With these, a record is sealed the same way in both versions.
        provider.cipher_suites = vec![
            cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ];
        let mut config = identity.config_of(provider, &[version]);
        config.enable_secret_extraction = true;
        let mut connection = session(config);
        while connection.is_handshaking() || connection.wants_write() {
            connection.complete_io(&mut stream).expect("a handshake");
        }
        let (seal, next) = sealer(connection);
        Self { stream, seal, next }
    }

    /// Sends a record of this type.
    pub(crate) fn send(&mut self, typ: ContentType, payload: &[u8]) -> io::Result<()> {
        let payload = OutboundChunks::Single(payload);
        let plain = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
        let sealed = self.seal.encrypt(plain, self.next).expect("it is sealed");
        self.next += 1;
        self.stream.write_all(&sealed.encode())
    }
}

/// Takes the key out of a connection, and the number of the next record.
fn sealer(connection: ClientConnection) -> (Box<dyn MessageEncrypter>, u64) {
    let suite = connection.negotiated_cipher_suite().expect("it shook hands");
    let (next, secrets) = connection.dangerous_extract_secrets().expect("it may be").tx;
    let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
        panic!("no other was offered")
    };
    let seal = match suite {
        SupportedCipherSuite::Tls12(suite) => suite.aead_alg.encrypter(key, iv.as_ref(), &[]),
        SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
    };
    (seal, next)
}
