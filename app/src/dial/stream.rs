//! The streams of clients.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use crate::serve::carry::Wire;

/// A stream of a client that leads to its server: proxies and encryption are done.
pub enum Stream<S> {
    /// With encryption, from a Unix socket, or from a function of the application.
    #[doc(hidden)]
    Boxed(BoxWire),
    /// As the runtime opened it.
    #[doc(hidden)]
    Plain(S),
}

/// A stream of any type.
pub type BoxWire = Box<dyn Wire + Send>;

impl<S: Wire> Wire for Stream<S> {
    #[inline]
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Boxed(stream) => stream.poll_read(context, buffer),
            Self::Plain(stream) => stream.poll_read(context, buffer),
        }
    }

    #[inline]
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Boxed(stream) => stream.poll_write(context, slices),
            Self::Plain(stream) => stream.poll_write(context, slices),
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Boxed(stream) => stream.poll_close(context),
            Self::Plain(stream) => stream.poll_close(context),
        }
    }
}

impl Wire for BoxWire {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        (**self).poll_read(context, buffer)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        (**self).poll_write(context, slices)
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_close(context)
    }
}
