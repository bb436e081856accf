//! What the lock of one shard guards.

use sansocket::{Link, Server, Usage};
use std::sync::Arc;
use std::time::Instant;

use crate::shards::backlog::Backlog;
use crate::shards::kept::Kept;
use crate::shards::port::Port;

/// The server of a shard, and the application's data beside it.
pub(crate) struct Cell<K: Kept> {
    pub(crate) server: Server,
    /// What the room above keeps.
    pub(crate) kept: K,
    /// The connections by link.
    ports: Vec<Option<(Link, Arc<Port>)>>,
    pub(super) backlog: Backlog<K::Job>,
    /// The usage that the shard reported last.
    pub(super) told: Usage,
}

/// A longer table is given back after the burst that made it.
const KEEP: usize = 256;

impl<K: Kept> Cell<K> {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            kept: K::default(),
            ports: Vec::new(),
            backlog: Backlog::default(),
            told: Usage::default(),
        }
    }

    /// Whether nothing follows from the last change.
    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        self.server.is_drained() && self.backlog.is_settled()
    }

    /// Notes which connection carries a link.
    pub(crate) fn bind(&mut self, link: Link, port: &Arc<Port>) {
        let at = link.index();
        if at >= self.ports.len() {
            self.ports.resize_with(at + 1, || None);
        }
        self.ports[at] = Some((link, port.clone()));
    }

    /// Forgets which connection carried a link.
    pub(crate) fn unbind(&mut self, link: Link) {
        if let Some(entry) = self.ports.get_mut(link.index())
            && entry.as_ref().is_some_and(|(bound, _)| *bound == link)
        {
            *entry = None;
            give_back(&mut self.ports);
        }
    }

    /// The connection that carries a link.
    pub(super) fn port(&self, link: Link) -> Option<&Arc<Port>> {
        match self.ports.get(link.index()) {
            Some(Some((bound, port))) if *bound == link => Some(port),
            Some(_) | None => None,
        }
    }

    /// All connections of the shard.
    pub(super) fn ports(&self) -> impl Iterator<Item = &Arc<Port>> {
        self.ports.iter().flatten().map(|(_, port)| port)
    }

    /// Asks the connections of overdue peers to look at their streams, and adds those to `woken` that
    /// must be woken for it. Where there is no stream, there is nothing to be read.
    #[cold]
    pub(super) fn ask_overdue(&mut self, now: Instant, woken: &mut Vec<Arc<Port>>) {
        while let Some(link) = self.server.poll_overdue() {
            match self.port(link) {
                Some(port) if port.ask() => woken.push(port.clone()),
                Some(_) => {}
                None => self.server.handle_quiet(now, link),
            }
        }
    }
}

/// Takes vacant entries off the end of a table, and gives its room back after a burst.
pub(crate) fn give_back<T>(table: &mut Vec<Option<T>>) {
    while let Some(None) = table.last() {
        table.pop();
    }
    if table.capacity() > KEEP && table.len() < table.capacity() / 8 {
        table.shrink_to(2 * table.len());
    }
}
