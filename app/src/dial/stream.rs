//! The streams of clients.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use crate::dial::secure::Secure;
use crate::dial::way::OwnStream;
use crate::serve::carry::Wire;

/// A stream of a client that leads to its server: proxies and encryption are done.
pub enum Stream<S> {
    /// A function of the application opened it.
    #[doc(hidden)]
    Own(Own),
    /// As the runtime opened it.
    #[doc(hidden)]
    Plain(S),
    /// With encryption.
    #[doc(hidden)]
    Secure(Box<Encrypted<S>>),
}

/// A stream that a function of the application opened.
pub struct Own(pub(super) OwnStream);

/// A stream with encryption, and perhaps that of a proxy around it.
pub struct Encrypted<S>(pub(super) Layers<S>);

pub(super) enum Layers<S> {
    One(Secure<S>),
    Two(Secure<Secure<S>>),
}

impl<S: Wire> Stream<S> {
    pub(super) fn encrypted(stream: Secure<S>) -> Self {
        Self::Secure(Box::new(Encrypted(Layers::One(stream))))
    }

    pub(super) fn encrypted_twice(stream: Secure<Secure<S>>) -> Self {
        Self::Secure(Box::new(Encrypted(Layers::Two(stream))))
    }
}

/// Calls a method of whichever stream it is.
macro_rules! each {
    ($this:expr, $stream:ident => $call:expr) => {
        match $this {
            Stream::Own(Own($stream)) => $call,
            Stream::Plain($stream) => $call,
            Stream::Secure(encrypted) => match &mut encrypted.0 {
                Layers::One($stream) => $call,
                Layers::Two($stream) => $call,
            },
        }
    };
}

impl<S: Wire> Wire for Stream<S> {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_read(context, buffer))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(context, slices))
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_close(context))
    }
}
