//! Asking the applications of other servers.

use sansocket::Args;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::args::{self, DecodeError};
use crate::cluster::asked::Asked;
use crate::cluster::missing::Missing;
use crate::sockets::error::EmitError;
use crate::wait::wait;

/// Waits until all other servers have replied to an event.
///
/// # Cancel safety
/// Dropping it changes nothing for the other servers; their replies are dropped when they come.
#[derive(Debug)]
#[must_use = "the event is sent already; this only waits for the replies"]
pub struct AskServers(Result<Asked, EmitError>);

/// What other servers replied to an event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerReplies {
    /// The replies that came, in the order they came. Servers of JavaScript reply with one argument.
    pub replies: Vec<Args>,
    /// Which processes did not reply, if any.
    pub missing: Option<Missing>,
}

impl AskServers {
    pub(crate) fn new(asked: Result<Asked, EmitError>) -> Self {
        Self(asked)
    }

    /// Waits on this thread; never inside an async handler.
    ///
    /// # Errors
    /// [`EmitError`] says why nothing was sent.
    pub fn wait(self) -> Result<ServerReplies, EmitError> {
        wait(self)
    }
}

impl ServerReplies {
    /// Reads the replies, each as `T` by the rules of [`decode`](args::decode).
    ///
    /// # Errors
    /// When one of them does not fit.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<Vec<T>, DecodeError> {
        let read = |args: &Args| args::decode_owned(args.json(), args.attachments());
        self.replies.iter().map(read).collect()
    }
}

impl Future for AskServers {
    type Output = Result<ServerReplies, EmitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let asked = match &self.0 {
            Ok(asked) => asked,
            Err(error) => return Poll::Ready(Err(error.clone())),
        };
        asked.poll(context).map(|outcome| {
            let mut outcome = outcome?;
            let missing = Missing::of(&mut outcome);
            Ok(ServerReplies { replies: outcome.replies, missing })
        })
    }
}
