//! What a log says of a bus.

use sansocket::cluster::NodeStatus;

use crate::log::{self, log};

/// Logs what became of the connection with a broker at an address, or of messages.
pub(super) fn tell(address: &str, status: &NodeStatus) {
    match status {
        NodeStatus::Connected { dropped: 0 } => {
            log!(info, "sansocket::cluster", broker = %address, "the broker is connected");
        }
        NodeStatus::Connected { dropped } => {
            log!(
                warn, "sansocket::cluster", broker = %address, dropped = %dropped,
                "the broker is connected again: messages for other processes were dropped meanwhile"
            );
        }
        NodeStatus::Lost { why } => log::no_broker(address, why),
        NodeStatus::Invalid { count, last } => {
            log!(
                warn, "sansocket::cluster", broker = %address, count = %count, last = %last,
                "messages that cannot be read were skipped: do all processes use one format and version, \
                 and is the prefix of the channels theirs alone?"
            );
        }
        NodeStatus::Refused { count, last } => {
            log!(
                warn, "sansocket::cluster", broker = %address, count = %count, last = %last,
                "messages for other processes were not sent"
            );
        }
        NodeStatus::Renamed => {
            log!(
                warn, "sansocket::cluster", broker = %address,
                "another process has the name of this one, which took a new one"
            );
        }
        NodeStatus::Joined { node } => {
            log!(info, "sansocket::cluster", node = %node, "a process joined the cluster");
        }
        NodeStatus::Left { node } => {
            log!(info, "sansocket::cluster", node = %node, "a process left the cluster");
        }
        _ => {}
    }
}
