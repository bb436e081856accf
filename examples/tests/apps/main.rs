//! The example applications do what their pages and clients rely on.

mod auth;
mod background_push;
mod chat;
mod contract;
mod pages;
mod private_messages;

use sansocket_app::test::{Connect, TestClient};

/// Connects, which has to succeed.
#[track_caller]
fn joined(client: Connect) -> TestClient {
    match client.connect() {
        Ok(client) => client,
        Err(error) => panic!("{error}"),
    }
}

/// The names of the events that came.
fn names(client: &TestClient) -> Vec<String> {
    client.get_received().into_iter().map(|event| event.name).collect()
}
