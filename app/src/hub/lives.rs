//! Which namespaces and rooms the process has, put together from its shards.

use sansocket::Life;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// On how many shards each namespace and each room is, for an application that hears of them. Bounded as they
/// are.
#[derive(Default)]
pub(super) struct Lives(Mutex<HashMap<Place, u16>>);

/// A namespace, or a room of it.
type Place = (Arc<str>, Option<Arc<str>>);

impl Lives {
    /// Whether what happened on one shard happened to the whole process.
    pub(super) fn is_news(&self, namespace: &Arc<str>, life: &Life) -> bool {
        match life {
            Life::NamespaceCreated => self.came(namespace, None),
            Life::NamespaceDeleted => self.went(namespace, None),
            Life::RoomCreated { room } => self.came(namespace, Some(room)),
            Life::RoomDeleted { room } => self.went(namespace, Some(room)),
            Life::RoomJoined { .. } | Life::RoomLeft { .. } | _ => true,
        }
    }

    /// Counts a shard that has the place now; whether it is the first.
    fn came(&self, namespace: &Arc<str>, room: Option<&Arc<str>>) -> bool {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shards = places.entry((namespace.clone(), room.cloned())).or_default();
        *shards += 1;
        *shards == 1
    }

    /// Counts a shard that had the place; whether it was the last.
    fn went(&self, namespace: &Arc<str>, room: Option<&Arc<str>>) -> bool {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (namespace.clone(), room.cloned());
        let Some(shards) = places.get_mut(&place) else { return false };
        *shards -= 1;
        let was_last = *shards == 0;
        if was_last {
            places.remove(&place);
        }
        was_last
    }
}
