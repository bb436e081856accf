//! How clients leave namespaces.

use crate::error::Reason;
use crate::key::Socket;
use crate::server::outputs::Outputs;
use crate::server::space::client::{Client, Phase};
use crate::server::space::life::Life;
use crate::server::space::space::Space;
use crate::server::{Event, NONE, Server};
use crate::slack::Slack as _;

impl Server {
    /// A DISCONNECT packet.
    pub(in crate::server) fn on_disconnect(&mut self, socket: Socket) {
        let space = &mut self.space;
        let Some(client) = space.clients.get_mut(socket.0) else { return };
        let Phase::Joining(joining) = &mut client.phase else {
            return self.remove_client(socket.0.slot, Reason::ClientDisconnect);
        };
        if space.history.as_ref().is_some_and(|history| history.is_sought(socket.0.slot)) {
            return self.forget_client(socket.0.slot);
        }
        let Some(held) = joining.held.take() else { return };
        self.sessions.budget.aside -= held.bytes();
        let rooms = space.rooms_of(socket).cloned().collect();
        space.leave_all_rooms(socket.0.slot, &mut self.outputs);
        self.answers.abandon(socket.0.slot, (space, &mut self.outputs));
        let reason = Reason::ClientDisconnect;
        self.outputs.tell(Event::Disconnect { socket, reason, rooms });
    }

    /// Takes a client out of everything and tells the application, unless it knows.
    pub(in crate::server) fn remove_client(&mut self, slot: u32, reason: Reason) {
        let Some(socket) = self.space.clients.key(slot).map(Socket) else { return };
        if self.space.clients.at(slot).is_some_and(Client::is_leaving) {
            return self.forget_client(slot);
        }
        let rooms: Vec<_> = self.space.rooms_of(socket).cloned().collect();
        if self.space.history.is_some() {
            if self.is_unannounced(slot) {
                return self.forget_client(slot);
            }
            self.lose(slot, &rooms, reason);
        }
        self.forget_client(slot);
        self.outputs.tell(Event::Disconnect { socket, reason, rooms });
    }

    /// Takes a client out of every index: rooms, questions, namespace, session.
    pub(super) fn forget_client(&mut self, slot: u32) {
        self.space.leave_all_rooms(slot, &mut self.outputs);
        self.answers.abandon(slot, (&mut self.space, &mut self.outputs));
        let Some(client) = self.space.exit(slot, &mut self.outputs) else { return };
        self.sessions.budget.aside -= client.bytes_held();
        if let Some(history) = &mut self.space.history {
            history.forget(slot, &mut self.outputs);
        }
        self.release_id(client.id, slot);
        self.unlink(client.session, slot, client.sibling);
    }

    /// Takes a client out of its session's list.
    fn unlink(&mut self, session: u32, slot: u32, next: u32) {
        let Some(session) = self.sessions.at_mut(session) else { return };
        session.joined -= 1;
        if session.clients == slot {
            session.clients = next;
        } else {
            self.space.unlink(session.clients, slot, next);
        }
    }
}

impl Space {
    /// Takes a client that is in no room out of its namespace.
    fn exit(&mut self, slot: u32, outputs: &mut Outputs) -> Option<Client> {
        let key = self.clients.key(slot)?;
        let client = self.clients.remove(key)?;
        if let Some(namespace) = self.namespaces.at_mut(client.namespace)
            && client.position != NONE
        {
            namespace.members.swap_remove(client.position as usize);
            namespace.members.tighten();
            let moved = namespace.members.get(client.position as usize);
            if let Some(moved) = moved.and_then(|&moved| self.clients.at_mut(moved)) {
                moved.position = client.position;
            }
            let left = self.namespaces.at(client.namespace);
            if left.is_some_and(|namespace| namespace.members.is_empty()) {
                self.tell_members(client.namespace, Life::NamespaceDeleted, outputs);
            }
        }
        self.shared.remove(client.id, client.namespace, slot);
        self.namespaces.exit(client.namespace);
        Some(client)
    }

    /// Takes the client in `slot`, before `next`, out of the list of clients from `first`.
    fn unlink(&mut self, first: u32, slot: u32, next: u32) {
        let mut at = first;
        while let Some(client) = self.clients.at_mut(at) {
            if client.sibling == slot {
                client.sibling = next;
                return;
            }
            at = client.sibling;
        }
    }
}
