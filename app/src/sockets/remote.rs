//! A client found by a question to all servers.

use sansocket::cluster::bus::Found;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::args::{DecodeError, IntoArgs};
use crate::sockets::answers::gather::Gathering;
use crate::sockets::attached;
use crate::sockets::broadcast::Broadcast;
use crate::sockets::error::EmitError;
use crate::sockets::extent::Everywhere;
use crate::sockets::socket::Socket;
use sansocket_args::Rooms;

/// One client in one namespace, wherever it is connected: an item of
/// [`fetch_sockets`](Broadcast::fetch_sockets). What it is told to do reaches it as a broadcast to its
/// own room does; nothing happens when it has left.
///
/// What it knows of the client is as of the answer, and as much as the process of the client told: see
/// [`NodeConfig::headers`](crate::NodeConfig::headers) and [`NodeConfig::auth`](crate::NodeConfig::auth).
#[derive(Clone)]
pub struct RemoteSocket {
    everyone: Broadcast,
    known: Arc<Known>,
}

/// What is known of a client.
enum Known {
    /// One of this process, and its rooms.
    Here(Socket, Vec<String>),
    /// One of another.
    There(Found),
}

impl RemoteSocket {
    pub(crate) fn here(everyone: &Broadcast, socket: Socket, rooms: Vec<String>) -> Self {
        Self { everyone: everyone.clone(), known: Arc::new(Known::Here(socket, rooms)) }
    }

    pub(crate) fn there(everyone: &Broadcast, found: Found) -> Self {
        Self { everyone: everyone.clone(), known: Arc::new(Known::There(found)) }
    }

    /// Returns the client's id in the namespace.
    #[must_use]
    pub fn id(&self) -> &str {
        match &*self.known {
            Known::Here(socket, _) => socket.id(),
            Known::There(found) => &found.id,
        }
    }

    /// Returns the name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.everyone.namespace()
    }

    /// Returns the client itself when it is still here, and connected to this process.
    #[must_use]
    pub fn local(&self) -> Option<Socket> {
        match &*self.known {
            Known::Here(socket, _) => Some(socket).filter(|own| own.is_connected()).cloned(),
            Known::There(_) => None,
        }
    }

    /// Returns the rooms the client is in, without the one named by its id.
    #[must_use]
    pub fn rooms(&self) -> Vec<&str> {
        match &*self.known {
            Known::Here(_, rooms) => rooms.iter().map(|room| &**room).collect(),
            Known::There(found) => {
                found.rooms.iter().map(|room| &**room).filter(|room| *room != self.id()).collect()
            }
        }
    }

    /// Reads what [`Socket::set_data`] attached to the client. Where nothing is attached, an `Option` is `None`.
    ///
    /// # Errors
    /// When it does not fit `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        match &*self.known {
            Known::Here(socket, _) => socket.data(),
            Known::There(found) => attached::read(&found.data),
        }
    }

    /// Returns the auth payload as JSON text: `{}` where the client sent none, or its process does not tell.
    #[must_use]
    pub fn auth_json(&self) -> &str {
        match &*self.known {
            Known::Here(socket, _) => socket.auth_json(),
            Known::There(found) => &found.handshake.auth,
        }
    }

    /// Returns the header of that name, in any case, when it was kept, and its process tells it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        match &*self.known {
            Known::Here(socket, _) => socket.header(name).map(str::to_owned),
            Known::There(found) => {
                let mut headers = object(&found.handshake.headers).into_iter();
                headers.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, v)| text(&v))
            }
        }
    }

    /// Returns the value of that name in the query of the request it came with, percent-decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        match &*self.known {
            Known::Here(socket, _) => socket.query(name),
            Known::There(found) => object(&found.handshake.query).get(name).map(text),
        }
    }

    /// Returns the address of the client, without a port, where its process tells.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        match &*self.known {
            Known::Here(socket, _) => socket.peer().map(|peer| peer.ip().to_string()),
            Known::There(found) => {
                Some(&*found.handshake.address).filter(|it| !it.is_empty()).map(str::to_owned)
            }
        }
    }

    /// Sends the client an event, as [`Broadcast::emit`] does.
    ///
    /// # Errors
    /// When the arguments have no JSON form or too many attachments, or the event name is reserved.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        self.only().emit(event, args)
    }

    /// Sends the client an event and waits for its acknowledgement, as [`Broadcast::emit_with_ack`] does. Without any, it
    /// did not answer in time, or has left.
    pub fn emit_with_ack(&self, event: &str, args: impl IntoArgs, timeout: Duration) -> Gathering {
        self.only().emit_with_ack(event, args, timeout)
    }

    /// Makes the client join rooms, unless it is in as many as the limit allows.
    ///
    /// # Errors
    /// When its process cannot be told.
    pub fn join(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.only().join(rooms)
    }

    /// Makes the client leave rooms.
    ///
    /// # Errors
    /// When its process cannot be told.
    pub fn leave(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.only().leave(rooms)
    }

    /// Disconnects the client from the namespace; its connection lives on.
    ///
    /// # Errors
    /// When its process cannot be told.
    pub fn disconnect(&self) -> Result<(), EmitError> {
        self.only().disconnect()
    }

    /// Disconnects the client from all its namespaces and closes its connection.
    ///
    /// # Errors
    /// When its process cannot be told.
    pub fn disconnect_and_close(&self) -> Result<(), EmitError> {
        self.only().disconnect_and_close()
    }

    fn only(&self) -> Broadcast<Everywhere> {
        self.everyone.clone().to(self.id())
    }
}

impl PartialEq for RemoteSocket {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for RemoteSocket {}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket")
            .field("id", &self.id())
            .field("namespace", &self.namespace())
            .finish()
    }
}

/// Reads the text of a JSON object.
fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

/// The text of a value.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
