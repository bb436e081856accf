//! The application: admits everyone, unless told otherwise.

use std::collections::VecDeque;
use std::time::Instant;

use sansocket::{AckToken, Event, Server};

/// What the application does by itself; everything else is up to the test.
#[derive(Debug, Default)]
pub struct App {
    /// Whether it keeps clients waiting until the test admits or refuses them.
    pub holds: bool,
    /// Whether it sends every event back, and answers those that ask with their arguments.
    pub echoes: bool,
    /// Namespaces it refuses, with the reasons.
    pub refuses: Vec<(&'static str, &'static str)>,
    /// Acknowledgements it owes, by shard, in the order they were asked for.
    pub(crate) owed: VecDeque<(usize, AckToken)>,
}

impl App {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for the test to see")]
    pub(crate) fn react(&mut self, server: &mut Server, now: Instant, shard: usize, event: Event) {
        match event {
            Event::Connect { socket, namespace, .. } => {
                let refusal = self.refuses.iter().find(|(name, _)| *name == &*namespace);
                let outcome = match refusal {
                    Some((_, reason)) => server.refuse(now, socket, reason),
                    None if self.holds => Ok(()),
                    None => server.admit(now, socket),
                };
                // A client may have left within the read that brought it.
                let _ = outcome;
            }
            Event::Message { socket, message, ack } if self.echoes => {
                match ack {
                    Some(ack) => server.acknowledge(ack, message.args()),
                    None => {
                        let name = format!("{}-back", message.name());
                        let sent = server.socket(socket).map(|mut s| s.emit(&name, message.args()));
                        // Its client may have left within the read that brought it, or not read.
                        let _ = sent;
                    }
                }
            }
            Event::Message { ack: Some(ack), .. } => self.owed.push_back((shard, ack)),
            Event::Received { session, message } if self.echoes => {
                let message = match &message {
                    sansocket::Received::Binary(bytes) => sansocket::Message::Binary(bytes),
                    sansocket::Received::Text(text) => sansocket::Message::Text(text),
                };
                let _ = server.send(session, message);
            }
            _ => {}
        }
    }
}
