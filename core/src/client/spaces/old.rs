//! Namespaces of servers of Socket.IO 2: `/` is joined by the session itself, and a query behind the name of
//! another one takes the place of an auth payload (socket.io-protocol v4, "Exchange protocol").

use super::space::{Auth, Namespace, Status};
use crate::client::Client;
use crate::client::event::Event;
use crate::client::fault::{Fault, Kind};
use crate::client::url::put_encoded;
use crate::error::Violation;
use crate::socket::packet::{Body, Packet};
use crate::socket::scan;
use crate::time::Tick;

/// Where the server has the client, whether the application wants `/` or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Root {
    /// It is about to be let in.
    Awaited,
    /// It is in.
    Inside,
    /// It is out: it has to ask.
    Left,
}

impl Client {
    /// One Socket.IO packet of such a server.
    pub(super) fn on_socket_io_2(
        &mut self,
        now: Tick,
        packet: Packet<'_>,
    ) -> Result<(), Violation> {
        if packet.namespace == "/" {
            self.spaces.root = match (&packet.body, self.spaces.root) {
                (Body::Connect { .. }, _) => Root::Inside,
                (Body::Disconnect, _) | (Body::ConnectError { .. }, Root::Awaited) => Root::Left,
                (Body::Ack { .. } | Body::ConnectError { .. } | Body::Event { .. }, root) => root,
            };
        }
        self.on_socket_io(now, packet)
    }

    /// Waits for the CONNECT that such a server sends unasked.
    pub(super) fn await_root(&mut self, now: Tick, namespace: Namespace) {
        let due = now.after(self.config.connect_timeout);
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        match space.auth {
            Auth::None => {}
            Auth::Asked | Auth::Value(_) => {
                space.reset(Status::Left);
                let fault = Fault::new(
                    Kind::Protocol,
                    "servers of Socket.IO 2 take no auth payload for /: it belongs in the query",
                );
                self.outputs.tell(Event::ConnectFailed { namespace, fault, retries: false });
                return self.close_if_unwanted(now);
            }
        }
        space.status = Status::Joining { due };
        match self.spaces.root {
            Root::Awaited => {}
            Root::Inside => self.on_connect(now, namespace, None),
            Root::Left => self.put_connect(now, namespace, ""),
        }
    }
}

/// The public id of a client: the server takes that of the session for it.
pub(super) fn id(namespace: &str, session: &str) -> String {
    if namespace == "/" { session.into() } else { format!("{namespace}#{session}") }
}

/// The name of a namespace, and the members of an auth payload as a query behind it.
pub(super) fn queried(namespace: &str, auth: &str) -> String {
    let mut out = String::from(namespace);
    let mut mark = '?';
    scan::entries(auth, |name, value| {
        out.push(mark);
        mark = '&';
        put_encoded(&mut out, name);
        out.push('=');
        put_encoded(&mut out, &scan::string(value).unwrap_or_else(|| value.into()));
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auth_payload_becomes_a_query() {
        for (auth, name) in [
            ("", "/a"),
            ("{}", "/a"),
            (r#"{"token":"x,y"}"#, "/a?token=x%2Cy"),
            (r#" { "b" : 1 , "a\u0026" : [2,"c"] } "#, "/a?b=1&a%26=%5B2%2C%22c%22%5D"),
        ] {
            assert_eq!(queried("/a", auth), name, "{auth}");
        }
    }
}
