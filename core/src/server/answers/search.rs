//! Searches for the clients that a target means, on all shards.

use crate::cluster::{Body, Peer};
use crate::key::Id;
use crate::server::answers::answers::Answers;
use crate::server::event::Ticket;
use crate::server::outputs::Outputs;
use crate::server::{Event, Server, Target};

/// A search that waits for the reports of peers.
#[derive(Debug)]
pub(super) struct Search {
    /// Peers that have not reported.
    reports: usize,
    ids: Vec<Id>,
}

impl Server {
    /// Searches for the clients of this process that a target means; [`Event::Found`](crate::server::Event)
    /// answers. Those of others are [fetched](crate::cluster::Node::fetch).
    pub fn find(&mut self, to: &Target<'_>) -> Ticket {
        let id = self.answers.next_question();
        let from = Peer::Shard(self.shard.index);
        let to = &Target { scope: to.scope.within_process(), ..*to };
        let heard = self.space.tell_peers(to, &mut self.outputs, |to| Body::Find { to, id, from });
        let ids = self.space.find_here(to);
        self.answers.open_search(id, ids, heard, &mut self.outputs);
        Ticket(id)
    }
}

impl Answers {
    fn open_search(&mut self, id: u64, ids: Vec<Id>, reports: usize, outputs: &mut Outputs) {
        if reports == 0 {
            outputs.tell(Event::Found { ticket: Ticket(id), ids });
        } else {
            self.searches.insert(id, Search { reports, ids });
        }
    }

    /// A peer says which clients it found.
    pub(in crate::server) fn on_found(&mut self, id: u64, ids: &[Id], outputs: &mut Outputs) {
        let Some(search) = self.searches.get_mut(&id) else { return };
        search.ids.extend_from_slice(ids);
        search.reports = search.reports.saturating_sub(1);
        if search.reports == 0
            && let Some(search) = self.searches.remove(&id)
        {
            outputs.tell(Event::Found { ticket: Ticket(id), ids: search.ids });
        }
    }
}
