//! What an application attaches to a client for all servers to see.

use sansocket::Args;
use sansocket::cluster::bus::Format;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::{self, DecodeError, EncodeError};
use crate::sockets::socket::Socket;

/// The value in the session of a client: an array of it alone.
#[derive(Clone)]
struct Attached(Args);

impl Socket {
    /// Attaches a value to the client, which other servers see in [`RemoteSocket::data`](crate::RemoteSocket::data);
    /// what was attached before is replaced. It is gone as the [`Session`](crate::Session) is.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn set_data<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), EncodeError> {
        let (mut json, mut attachments) = (Vec::new(), Vec::new());
        args::encode(&(value,), &mut json, &mut attachments)?;
        let json = String::from_utf8(json).expect("JSON text is UTF-8");
        let args = Args::from_json(&json, attachments).expect("one value in an array");
        if self.hub().bus().is_some_and(|bus| bus.format() == Format::Streams) {
            self.attach(args.clone());
        }
        self.session().set(Attached(args));
        Ok(())
    }

    /// Goes on with what another process attached to the client before it was lost.
    pub(crate) fn go_on_with(&self, attached: Args) {
        self.session().set(Attached(attached));
    }

    /// Reads what was attached to the client. Where nothing is, an `Option` is `None`.
    ///
    /// # Errors
    /// When it does not fit `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        read(&self.attached())
    }

    /// An array of what is attached to the client, or of nothing.
    pub(crate) fn attached(&self) -> Args {
        self.session::<Attached>().get().map_or_else(none, |Attached(args)| args)
    }
}

/// An array of nothing.
fn none() -> Args {
    Args::from_json("[]", Vec::new()).expect("an array")
}

/// Reads an array of one value, or of none.
pub(crate) fn read<T: DeserializeOwned>(args: &Args) -> Result<T, DecodeError> {
    args::decode_owned::<(T,)>(args.json(), args.attachments()).map(|(value,)| value)
}
