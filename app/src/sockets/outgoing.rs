//! What an application hears of the events that it sends.

use sansocket::ArgsRef;

use crate::sockets::socket::Socket;

pub(crate) type OnOutgoing = Box<dyn Fn(Outgoing<'_>) + Send + Sync>;

/// An event that the application is about to send, as [`App::on_any_outgoing`](crate::App::on_any_outgoing) hears
/// of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Outgoing<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The client that it is for; `None` when it is a broadcast.
    pub socket: Option<&'a Socket>,
    /// The name of the event.
    pub event: &'a str,
    /// The arguments.
    pub args: ArgsRef<'a>,
}
