//! Messages between the processes of a cluster, as brokers carry them.
//!
//! A [`Message`] is the same in every format. A [`Codec`] writes it for one of them and reads what came back;
//! [`Names`] says on which channel it goes. What a broker delivers is trusted as little as what a client sends:
//! each broken rule is an [`Invalid`] message, to be skipped and counted. What a format has no words for is
//! [`Unsupported`], at once.
//!
//! ```
//! use sansocket::cluster::bus::{Body, BusLimits, Codec, Format, Message, Names, Payload, To};
//! use sansocket::{ArgsRef, EventMessage};
//!
//! let event = EventMessage::from_args("news", ArgsRef::NONE);
//! let to = To { rooms: vec!["readers".into()], ..To::default() };
//! let message = Message {
//!     from: Some("tPnvM8".into()),
//!     namespace: "/".into(),
//!     sequence: None,
//!     body: Body::Broadcast { to, event, flags: Default::default(), ask: None },
//! };
//!
//! let names = Names::new(Format::Classic, "socket.io");
//! let channel = names.channel(&message);
//! assert_eq!(channel, "socket.io#/#readers#");
//!
//! let codec = Codec::new(Format::Classic, BusLimits::default());
//! let payload = codec.encode(&message)?;
//! let place = names.place("/", &channel).expect("a channel of the namespace");
//! assert_eq!(codec.decode(place, &payload)?, message);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adapter;
mod classic;
mod codec;
mod entry;
mod event;
mod fault;
mod found;
mod message;
mod names;
mod native;
mod own;
mod parts;
mod python;
mod session;
mod to;
mod value;
mod words;
mod write;

pub use codec::{BusLimits, Codec, Entry, Format, Payload};
pub use entry::EntryId;
pub use fault::{Invalid, Unsupported};
pub use message::{
    Answer, Ask, Body, Detail, Flags, Found, Handshake, Home, Message, Part, Report, To,
};
pub use names::{Lane, Names, Place, Subscription};
pub(in crate::cluster) use parts::{is_spent, split};
pub use session::Session;
pub(in crate::cluster) use value::none as no_args;
pub(in crate::cluster) use words::{closes, is_id};

#[cfg(test)]
mod tests;
