//! Streams of async-io.

use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use sansocket_app::bind::Wire;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A stream of async-io as a [`Wire`]. It asks the operating system first, whatever the reactor knows.
pub(crate) struct Stream<S>(pub(crate) Async<S>);

impl<S> Wire for Stream<S>
where
    Async<S>: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match slices {
            [one] => Pin::new(&mut self.0).poll_write(context, one),
            many => Pin::new(&mut self.0).poll_write_vectored(context, many),
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(context)
    }
}
