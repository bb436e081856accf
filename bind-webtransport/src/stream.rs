//! The stream of a session.

use sansocket_app::bind::Wire;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use web_transport_quinn::{RecvStream, SendStream};

/// Both directions of a stream as a [`Wire`].
pub(crate) struct Stream {
    send: Sending,
    receive: RecvStream,
}

enum Sending {
    /// It is there until it ends.
    Open(Option<SendStream>),
    /// Everything was written, and until this is ready it is not known whether it arrived.
    Ending(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// How long a peer may take to confirm the last bytes.
const FAREWELL: Duration = Duration::from_secs(3);

impl Stream {
    pub(crate) fn new(send: SendStream, receive: RecvStream) -> Self {
        Self { send: Sending::Open(Some(send)), receive }
    }
}

impl Wire for Stream {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.receive).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.send {
            Sending::Open(Some(send)) => Pin::new(send).poll_write_vectored(context, slices),
            Sending::Open(None) | Sending::Ending(_) => {
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
        }
    }

    /// Waits until the last bytes have arrived: the end of the session, which follows, goes before what is
    /// on its way.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Sending::Open(send) = &mut self.send {
            let Some(mut send) = send.take() else { return Poll::Ready(Ok(())) };
            send.finish().map_err(io::Error::other)?;
            self.send = Sending::Ending(Box::pin(async move {
                // Whether it arrived or never will, nothing is left to do.
                let _ = timeout(FAREWELL, send.stopped()).await;
            }));
        }
        match &mut self.send {
            Sending::Ending(arrived) => arrived.as_mut().poll(context).map(Ok),
            Sending::Open(_) => Poll::Ready(Ok(())),
        }
    }
}
