//! An answer of the service on its way.

use http_body_util::Either;
use hyper::body::Body;
use pin_project_lite::pin_project;
use sansocket_app::bind::HostLink;
use sansocket_app::http::Response;
use sansocket_app::{Body as Content, BoxFuture, IntoWeb, Response as Answer};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::body::OwnBody;
use super::question::Question;
use super::upload::Upload;

/// The body of an answer: one of ours, or one of the service behind.
pub type SocketIoBody<R> = Either<OwnBody, R>;

pin_project! {
    /// The answer of a [`SocketIoService`](super::SocketIoService) on its way.
    ///
    /// # Cancel safety
    /// Dropping it before it is ready tells the session that the client gave up, which ends it: what
    /// waited for the client is lost, as when a connection breaks. Requests for others end as the
    /// service behind says.
    #[must_use = "futures do nothing unless awaited"]
    pub struct SocketIoFuture<F, B> {
        #[pin]
        state: State<F, B>,
        // How long the client may take none of an answer from the Socket.IO server.
        patience: Duration,
    }
}

pin_project! {
    /// The part that answers.
    #[project = Projected]
    pub(super) enum State<F, B> {
        /// The application or another node, once it has the body.
        Asked { #[pin] question: Question<B> },
        /// Another node, asked for a WebSocket.
        Awaited { answer: BoxFuture<Answer> },
        /// The session, when it has something to say.
        Held { attachment: HostLink },
        /// The service behind.
        Inner { #[pin] future: F },
        /// The answer itself.
        Ready { answer: Option<Response<Content>> },
        /// The session, once it has the body.
        Upload { #[pin] upload: Upload<B> },
    }
}

impl<F, B> SocketIoFuture<F, B> {
    pub(super) fn new(state: State<F, B>, patience: Duration) -> Self {
        Self { state, patience }
    }
}

impl<F, B> State<F, B> {
    pub(super) fn ready(answer: impl IntoWeb) -> Self {
        Self::Ready { answer: Some(whole(answer)) }
    }
}

impl<F, B, R, E> Future for SocketIoFuture<F, B>
where
    F: Future<Output = Result<Response<R>, E>>,
    B: Body,
{
    type Output = Result<Response<SocketIoBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let patience = self.patience;
        let ours = match self.project().state.project() {
            Projected::Asked { question } => question.poll(context),
            Projected::Awaited { answer } => answer.as_mut().poll(context).map(whole),
            Projected::Inner { future } => {
                return future.poll(context).map_ok(|answer| answer.map(Either::Right));
            }
            Projected::Held { attachment } => attachment.poll_response(context).map(whole),
            Projected::Ready { answer } => {
                Poll::Ready(answer.take().expect("a future is not polled after it was ready"))
            }
            Projected::Upload { upload } => upload.poll(context),
        };
        ours.map(|answer| Ok(answer.map(|content| Either::Left(OwnBody::new(content, patience)))))
    }
}

impl<F, B> fmt::Debug for SocketIoFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIoFuture").finish_non_exhaustive()
    }
}

/// An answer whose body is there.
pub(super) fn whole(answer: impl IntoWeb) -> Response<Content> {
    answer.into_response().map(Content::Bytes)
}
