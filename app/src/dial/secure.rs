//! Streams with encryption.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::task::{Context, Poll, ready};

use crate::serve::carry::Wire;
use crate::serve::tls::{TlsConnection, TlsFault};

/// A stream with encryption. Idle it holds nothing besides what [`TlsConnection`] does.
pub(super) struct Secure<S> {
    stream: S,
    tls: TlsConnection,
    /// What was deciphered and found no room: at most 16 KiB.
    plain: Vec<u8>,
    /// How much of it was read.
    taken: usize,
    closing: bool,
}

impl<S: Wire> Secure<S> {
    pub(super) fn new(stream: S, tls: TlsConnection) -> Self {
        Self { stream, tls, plain: Vec::new(), taken: 0, closing: false }
    }

    /// Carries out the handshake.
    pub(super) fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = [0; 4096];
        loop {
            ready!(self.poll_flush(context))?;
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_fill(context, &mut buffer))?;
        }
    }

    /// Reads once and deciphers it; `buffer` is only a place for what is read.
    fn poll_fill(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<()>> {
        let n = ready!(self.stream.poll_read(context, buffer))?;
        if n == 0 {
            return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
        }
        if let Err(fault) = self.tls.read(&buffer[..n], &mut self.plain) {
            // The alert that tells the server; the stream ends in any case.
            let _ = self.poll_flush(context);
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, text(&fault))));
        }
        let _ = self.poll_flush(context)?;
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            let bytes = [IoSlice::new(self.tls.poll_write())];
            let n = ready!(self.stream.poll_write(context, &bytes))?;
            if n == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.tls.wrote(n);
        }
        Poll::Ready(Ok(()))
    }

    /// Moves what was deciphered to `buffer`.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.plain[self.taken..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.taken += n;
        if self.taken == self.plain.len() {
            self.taken = 0;
            self.plain.clear();
        }
        n
    }
}

impl<S: Wire> Wire for Secure<S> {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // What a write left is written whenever the task is woken.
        let _ = self.poll_flush(context)?;
        while self.plain.is_empty() {
            if self.tls.is_ended() {
                return Poll::Ready(Ok(0));
            }
            self.plain = PLAIN.with(RefCell::take);
            let filled = self.poll_fill(context, buffer);
            if self.plain.is_empty() {
                PLAIN.with(|kept| kept.replace(std::mem::take(&mut self.plain)));
            }
            ready!(filled)?;
        }
        let n = self.take(buffer);
        if self.plain.is_empty() {
            PLAIN.with(|kept| kept.replace(std::mem::take(&mut self.plain)));
        }
        Poll::Ready(Ok(n))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(context))?;
        let n = self.tls.write(slices);
        if n == 0 {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let _ = self.poll_flush(context)?;
        Poll::Ready(Ok(n))
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            self.closing = true;
            self.tls.close();
        }
        ready!(self.poll_flush(context))?;
        self.stream.poll_close(context)
    }
}

fn text(fault: &TlsFault) -> String {
    match fault {
        TlsFault::NotTls => "the server does not speak TLS: is it http instead of https?".into(),
        TlsFault::Protocol(error) => format!("TLS failed: {error}"),
    }
}

thread_local! {
    /// One buffer of deciphered bytes for all streams of a thread.
    static PLAIN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
