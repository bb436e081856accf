//! Clients of the application layer, against a server in virtual time.

mod acks;
mod connecting;
mod ending;
mod handlers;
mod offline;
mod recovering;
mod simple;
mod storm;

use sansocket_app::client::{Client, Socket};
use sansocket_app::test::TestServer;
use std::sync::{Arc, Mutex};

/// A client of the namespace `/`.
fn client() -> Client {
    Client::new("http://localhost").expect("a URL")
}

/// Starts a client and joins.
fn join(server: &TestServer, client: Client) -> Socket {
    let manager = server.open(client);
    server.block_on(manager.connect()).expect("the server lets it in")
}

/// What happened, in its order.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.lock().expect("no test panics with it").push(note.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics with it"))
    }
}
