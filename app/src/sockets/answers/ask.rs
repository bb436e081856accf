//! Questions to clients and to shards.

use sansocket::{Refused, Server, Socket as Key, SocketMut, Ticket};
use std::sync::Arc;

use crate::sockets::answers::ack::AckFuture;
use crate::sockets::answers::gather::{Gathering, Tally};
use crate::sockets::answers::waiting::{Then, Waiting};
use crate::sockets::reach::Reach;
use crate::wait::slot::Slot;

impl dyn Reach {
    /// Asks one client; the answer fills the returned slot.
    pub(crate) fn ask_one(
        &self,
        shard: u16,
        key: Key,
        ask: impl FnOnce(&mut SocketMut<'_>) -> Result<Ticket, Refused>,
    ) -> Result<AckFuture, Refused> {
        let slot = Arc::new(Slot::empty());
        self.with_cell(shard, |cell| {
            let mut socket = cell.server.socket(key).ok_or(Refused::Gone)?;
            let ticket = ask(&mut socket)?;
            cell.kept.questions.push(ticket, Waiting::One(slot.clone()));
            Ok::<_, Refused>(())
        })?;
        Ok(AckFuture::new(slot))
    }

    /// Asks one client; the answer is handed to `then`, in the order of events.
    pub(crate) fn ask_then(
        &self,
        shard: u16,
        key: Key,
        ask: impl FnOnce(&mut SocketMut<'_>) -> Result<Ticket, Refused>,
        then: Then,
    ) -> Result<(), Refused> {
        // What is not used is dropped after the lock: its destructor may come back here.
        let mut then = Some(then);
        self.with_cell(shard, |cell| {
            let mut socket = cell.server.socket(key).ok_or(Refused::Gone)?;
            let ticket = ask(&mut socket)?;
            let socket = cell.kept.socket(key).cloned();
            if let Some(then) = then.take() {
                cell.kept.questions.push(ticket, Waiting::Then(socket, then));
            }
            Ok(())
        })
    }

    /// Asks many clients; their answers fill the returned slot.
    pub(crate) fn ask_many<E>(
        &self,
        shard: u16,
        ask: impl FnOnce(&mut Server) -> Result<Ticket, E>,
    ) -> Result<Gathering, E> {
        let tally = Arc::new(Tally::default());
        self.with_cell(shard, |cell| {
            let ticket = ask(&mut cell.server)?;
            cell.kept.questions.push(ticket, Waiting::Many(tally.clone()));
            Ok::<_, E>(())
        })?;
        Ok(Gathering::new(tally))
    }
}
