//! The client against a script: bytes in, bytes and events out, in virtual time.

mod acks;
mod attacks;
mod connecting;
mod emitting;
mod ending;
mod http;
mod namespaces;
mod old;
mod packets;
mod pair;
mod reconnecting;
mod recovery;
mod requests;
mod transports;
mod upgrade;
