//! TLS: certificates, and one connection as bytes in and bytes out.

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, InvalidMessage, ServerConfig, ServerConnection,
};
use std::fmt;
use std::fs;
use std::io::{self, BufRead, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

#[cfg(test)]
mod tests;

/// A certificate with its key, and everything else clients are greeted with.
///
/// Clones share it: [`reload`](Self::reload) reaches all of them.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    config: RwLock<Arc<ServerConfig>>,
    files: Option<Files>,
}

/// Where the certificate chain and its key are.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The key is not that of the first certificate.
    #[error("the key in {} does not belong to the first certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the certificates.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The file holds no certificate.
    #[error("{} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", .0.display())]
    NoCertificate(PathBuf),
    /// There is nothing to read again: it was made from a configuration.
    #[error("made from a configuration, not from files: make another one instead")]
    NoFiles,
    /// The file holds no key.
    #[error("{} holds no private key in PEM form, or one that is encrypted", .0.display())]
    NoKey(PathBuf),
    /// The file is no proper PEM.
    #[error("{} is damaged: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The certificate, the key or the configuration cannot be used.
    #[error("certificate, key or configuration cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Why a connection failed: the client's doing, and the end of its stream.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The first bytes are not TLS.
    #[error("the client does not speak TLS: plain HTTP to a port for https?")]
    NotTls,
    /// The client broke a rule of TLS, or refused the certificate.
    #[error("TLS failed: {0}")]
    Protocol(#[from] rustls::Error),
}

/// The server's side of TLS on one stream, without the stream.
///
/// Bytes of the stream go to [`read`](Self::read), which gives plaintext; plaintext goes to
/// [`write`](Self::write). After either, [`poll_write`](Self::poll_write) shows what belongs on the
/// stream. An idle connection holds at most 4 KiB of ciphertext buffer besides what rustls holds.
pub struct TlsConnection(Box<Inner>);

struct Inner {
    connection: Connection,
    /// Ciphertext for the stream. Bounded by what one call of rustls makes, see [`WRITE`].
    out: Vec<u8>,
    /// How much of it the stream took.
    taken: usize,
    input: Input,
    output: Output,
}

/// What may still come from the client.
enum Input {
    Open,
    Ended,
    Failed(TlsFault),
}

/// What may still go to the client.
#[derive(Eq, PartialEq)]
enum Output {
    Open,
    Closed,
}

/// Plaintext taken by one call of [`TlsConnection::write`], in bytes. More is taken once the stream
/// took the ciphertext of the last call.
const WRITE: usize = 64 * 1024;

/// Ciphertext buffer kept while there is nothing to send, in bytes.
const KEPT: usize = 4 * 1024;

impl Tls {
    /// Reads a certificate chain and its key, both PEM, and offers TLS 1.2 and 1.3.
    ///
    /// The chain starts with the server's own certificate. Both may be in the same file.
    ///
    /// # Errors
    /// Which file is missing, damaged or empty, or that the two do not belong together.
    pub fn from_pem_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        let files = Files { certificate: certificate.into(), key: key.into() };
        let config = RwLock::new(files.load()?);
        Ok(Self(Arc::new(Shared { config, files: Some(files) })))
    }

    /// Takes a whole configuration: client certificates, several names, other algorithms.
    ///
    /// The protocol offered (ALPN) becomes `http/1.1`, as nothing else is spoken.
    ///
    /// # Errors
    /// When no connection can be made with it.
    pub fn from_config(config: Arc<ServerConfig>) -> Result<Self, TlsError> {
        let mut config = Arc::unwrap_or_clone(config);
        config.alpn_protocols = vec![HTTP.to_vec()];
        let config = Arc::new(config);
        ServerConnection::new(config.clone())?;
        Ok(Self(Arc::new(Shared { config: RwLock::new(config), files: None })))
    }

    /// Reads the files again, for connections that start from now on; others live on as they are.
    ///
    /// # Errors
    /// As [`from_pem_files`](Self::from_pem_files), or that there are no files. What was in use
    /// stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = self.0.files.as_ref().ok_or(TlsError::NoFiles)?.load()?;
        *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    fn config(&self) -> Arc<ServerConfig> {
        self.0.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Tls");
        if let Some(files) = &self.0.files {
            shown.field("certificate", &files.certificate).field("key", &files.key);
        }
        shown.finish_non_exhaustive()
    }
}

impl Files {
    fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = self.chain()?;
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, self.secret()?);
        let mut config = config.map_err(|error| self.unusable(error))?;
        config.alpn_protocols = vec![HTTP.to_vec()];
        // Clients resume from tickets they keep themselves: when all reconnect at once, a table here
        // would have forgotten most of them.
        config.ticketer = ring::Ticketer::new()?;
        Ok(Arc::new(config))
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let path = &self.certificate;
        let bytes = read(path)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|source| TlsError::Pem { path: path.clone(), source })?;
        if chain.is_empty() { Err(TlsError::NoCertificate(path.clone())) } else { Ok(chain) }
    }

    fn secret(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let path = &self.key;
        PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|source| {
            let path = path.clone();
            if matches!(source, pem::Error::NoItemsFound) {
                TlsError::NoKey(path)
            } else {
                TlsError::Pem { path, source }
            }
        })
    }

    fn unusable(&self, error: rustls::Error) -> TlsError {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            TlsError::Mismatch { certificate: self.certificate.clone(), key: self.key.clone() }
        } else {
            TlsError::Unusable(error)
        }
    }
}

impl TlsConnection {
    /// Starts TLS on a stream that was just accepted.
    #[must_use]
    pub fn new(tls: &Tls) -> Self {
        let connection =
            ServerConnection::new(tls.config()).expect("the configuration was tried before");
        Self::begin(connection.into())
    }

    /// Starts TLS on a stream to a server that should have that name.
    pub(crate) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        let mut this = Self::begin(ClientConnection::new(config, name)?.into());
        this.0.seal();
        Ok(this)
    }

    fn begin(mut connection: Connection) -> Self {
        connection.set_buffer_limit(Some(WRITE));
        Self(Box::new(Inner {
            connection,
            out: Vec::new(),
            taken: 0,
            input: Input::Open,
            output: Output::Open,
        }))
    }

    /// Takes bytes the stream delivered and appends the decrypted ones to `plain`.
    ///
    /// It appends at most the length of `ciphertext` and one record (16 KiB) that waited for its
    /// end. Bytes after the client's farewell are ignored.
    ///
    /// # Errors
    /// When the client broke the protocol; the same again from then on. `plain` has what was
    /// received before, and [`poll_write`](Self::poll_write) still shows the alert that tells the
    /// client: write it, then close the stream.
    pub fn read(&mut self, mut ciphertext: &[u8], plain: &mut Vec<u8>) -> Result<(), TlsFault> {
        let inner = &mut *self.0;
        // rustls takes a read of nothing for the end of the stream.
        while !ciphertext.is_empty() {
            match &inner.input {
                Input::Open => inner.take(&mut ciphertext, plain),
                Input::Ended => break,
                Input::Failed(fault) => return Err(fault.clone()),
            }
        }
        match &inner.input {
            Input::Failed(fault) => Err(fault.clone()),
            Input::Open | Input::Ended => Ok(()),
        }
    }

    /// Takes plaintext and returns how many bytes of it, at most 64 KiB.
    ///
    /// It takes none during the handshake, while ciphertext waits for the stream, and after
    /// [`close`](Self::close) or a failure.
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> usize {
        let inner = &mut *self.0;
        let ready = inner.out.is_empty()
            && inner.output == Output::Open
            && !inner.connection.is_handshaking()
            && !matches!(inner.input, Input::Failed(_));
        if !ready {
            return 0;
        }
        let n = inner.connection.writer().write_vectored(slices).unwrap_or(0);
        inner.seal();
        n
    }

    /// Says goodbye (`close_notify`); nothing is taken for writing afterwards.
    pub fn close(&mut self) {
        self.0.output = Output::Closed;
        self.0.connection.send_close_notify();
        self.0.seal();
    }

    /// Shows the ciphertext that belongs on the stream; empty when there is none.
    #[must_use]
    pub fn poll_write(&self) -> &[u8] {
        &self.0.out[self.0.taken..]
    }

    /// Accounts for `n` bytes taken by the stream.
    ///
    /// # Panics
    /// When that is more than [`poll_write`](Self::poll_write) showed.
    pub fn wrote(&mut self, n: usize) {
        let inner = &mut *self.0;
        inner.taken += n;
        assert!(inner.taken <= inner.out.len(), "the stream took more than there was");
        if inner.taken == inner.out.len() {
            inner.taken = 0;
            inner.out.clear();
            if inner.out.capacity() > KEPT {
                inner.out = Vec::new();
            }
        }
    }

    /// Whether [`poll_write`](Self::poll_write) has something to show.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.0.out.is_empty()
    }

    /// Whether the handshake is not over yet: give it some seconds.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.0.connection.is_handshaking()
    }

    /// Whether the client said goodbye: nothing more is read, as if the stream had ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.0.input, Input::Ended)
    }
}

impl fmt::Debug for TlsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnection")
            .field("waiting", &self.poll_write().len())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Takes some of the input, at least one byte of it, or ends.
    fn take(&mut self, ciphertext: &mut &[u8], plain: &mut Vec<u8>) {
        let handshaking = self.connection.is_handshaking();
        let processed = match self.connection.read_tls(ciphertext) {
            // No room for a record of that length, which is reported as the end of the stream.
            Ok(0) => {
                self.input = Input::Ended;
                return;
            }
            Ok(_) => self.connection.process_new_packets(),
            // A message longer than any may be.
            Err(_) => Err(rustls::Error::from(InvalidMessage::HandshakePayloadTooLarge)),
        };
        self.open(plain);
        self.seal();
        match processed {
            Ok(state) if state.peer_has_closed() => self.input = Input::Ended,
            Ok(_) => {}
            Err(error) => self.input = Input::Failed(fault(handshaking, error)),
        }
    }

    /// Moves plaintext out of rustls.
    fn open(&mut self, plain: &mut Vec<u8>) {
        let mut reader = self.connection.reader();
        while let Ok(chunk) = reader.fill_buf()
            && !chunk.is_empty()
        {
            let n = chunk.len();
            plain.extend_from_slice(chunk);
            reader.consume(n);
        }
    }

    /// Moves ciphertext out of rustls.
    fn seal(&mut self) {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.out).expect("a vector takes everything");
        }
    }
}

/// The only protocol spoken inside, as ALPN names it (RFC 7301 §6).
pub(crate) const HTTP: &[u8] = b"http/1.1";

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn fault(handshaking: bool, error: rustls::Error) -> TlsFault {
    if handshaking && error == rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) {
        TlsFault::NotTls
    } else {
        TlsFault::Protocol(error)
    }
}
