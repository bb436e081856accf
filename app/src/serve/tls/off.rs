//! What stands for TLS where the feature `tls` is off: types without values, which cost nothing.

use std::fmt;
use std::io::IoSlice;

/// A certificate with its key; none can be made without the feature `tls`.
#[derive(Clone, Debug)]
pub enum Tls {}

/// Why a session failed; none can without the feature `tls`.
#[derive(Clone, Debug, PartialEq)]
pub enum TlsFault {}

/// The server's side of TLS on one stream; there is none without the feature `tls`.
#[derive(Debug)]
pub enum TlsConnection {}

impl fmt::Display for TlsFault {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for TlsFault {}

impl TlsConnection {
    /// Starts the session of a stream that was just accepted.
    #[must_use]
    pub fn new(tls: &Tls) -> Self {
        match *tls {}
    }

    /// Takes bytes the stream delivered and appends the decrypted ones to `plain`.
    ///
    /// # Errors
    /// When the client broke the protocol.
    pub fn read(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<(), TlsFault> {
        match *self {}
    }

    /// Takes plaintext and returns how many bytes of it.
    pub fn write(&mut self, _: &[IoSlice<'_>]) -> usize {
        match *self {}
    }

    /// Says goodbye.
    pub fn close(&mut self) {
        match *self {}
    }

    /// Shows the ciphertext that belongs on the stream.
    #[must_use]
    pub fn poll_write(&self) -> &[u8] {
        match *self {}
    }

    /// Accounts for bytes taken by the stream.
    pub fn wrote(&mut self, _: usize) {
        match *self {}
    }

    /// Whether there is ciphertext to write.
    #[must_use]
    pub fn wants_write(&self) -> bool {
        match *self {}
    }

    /// Whether the handshake is not over yet.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        match *self {}
    }

    /// Whether the client said goodbye.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        match *self {}
    }
}
