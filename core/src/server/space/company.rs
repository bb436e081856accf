//! What the node of the process has to know of a shard.

use std::sync::Arc;

use crate::cluster::bus::Format;
use crate::cluster::{Body, Destination, NodeConfig};
use crate::server::Server;
use crate::server::outputs::Outputs;
use crate::server::space::namespace::Namespace;
use crate::server::space::space::Space;

impl Server {
    /// Takes note that this process is one of a cluster with these settings: what has
    /// [`Scope::Cluster`](crate::Scope::Cluster) is for its [`Node`](crate::cluster::Node) as well.
    ///
    /// Ids of foreign clients prove nothing, so each name that no shard of this process issued is that of a room,
    /// here and elsewhere.
    pub fn join_cluster(&mut self, config: &NodeConfig) {
        if self.space.cluster.replace(config.format).is_none() {
            self.answers.share_numbers();
            if config.has_one_stream()
                && let Some(history) = &mut self.space.history
            {
                history.follow_stream();
            }
            self.space.introduce(&mut self.outputs);
        }
    }
}

impl Space {
    /// Whether messages with the widest scope are for the node.
    pub(super) fn speaks_to_node(&self) -> bool {
        self.cluster.is_some() || self.mint.has_company()
    }

    /// Tells the node of all namespaces and rooms.
    fn introduce(&self, outputs: &mut Outputs) {
        for namespace in self.namespaces.iter() {
            if !namespace.members.is_empty() {
                self.tell_node(namespace, outputs);
            }
            for name in namespace.room_names.keys() {
                self.tell_node_of_room(namespace, name, outputs);
            }
        }
    }

    /// Tells the node that a namespace has its first member, or none any more.
    pub(super) fn tell_node(&self, namespace: &Namespace, outputs: &mut Outputs) {
        if self.cluster.is_some() {
            let is_deserted = namespace.members.is_empty();
            let namespace = namespace.name.clone();
            outputs.post(Destination::Node, presence(is_deserted, namespace, None));
        }
    }

    /// Tells the node that there is a room, or none of that name any more, if others send to it apart.
    pub(super) fn tell_node_of_room(
        &self,
        namespace: &Namespace,
        room: &Arc<str>,
        outputs: &mut Outputs,
    ) {
        if self.cluster == Some(Format::Sharded) {
            let is_deserted = !namespace.room_names.contains_key(room);
            let body = presence(is_deserted, namespace.name.clone(), Some(room.clone()));
            outputs.post(Destination::Node, body);
        }
    }
}

fn presence(is_deserted: bool, namespace: Arc<str>, room: Option<Arc<str>>) -> Body {
    match is_deserted {
        true => Body::Deserted { namespace, room },
        false => Body::Populated { namespace, room },
    }
}
