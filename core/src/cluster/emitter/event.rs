//! What an emitter tells its host.

/// What an emitter tells its host; for a log.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EmitterEvent {
    /// The broker is connected.
    Connected {
        /// Messages that were lost since the connection was lost, volatile ones included.
        dropped: u64,
    },
    /// The connection was lost, or could not be made; told at the first failure and once a minute.
    Lost {
        /// Why.
        why: Box<str>,
    },
    /// No server subscribes to a channel: the format, the prefix or the broker may be a wrong one. Told once a minute
    /// for each channel.
    Unheard {
        /// The channel.
        channel: Box<str>,
    },
}
