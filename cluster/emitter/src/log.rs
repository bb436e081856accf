//! Lines of a log, target `sansocket::bus`, when the feature `tracing` is on.

use sansocket::cluster::EmitterEvent;

#[cfg(feature = "tracing")]
pub(crate) fn tell(address: &str, event: &EmitterEvent) {
    match event {
        EmitterEvent::Connected { dropped: 0 } => {
            tracing::info!(target: "sansocket::bus", broker = address, "connected");
        }
        EmitterEvent::Connected { dropped } => tracing::info!(
            target: "sansocket::bus", broker = address, dropped, "connected; messages were lost meanwhile"
        ),
        EmitterEvent::Lost { why } => {
            tracing::warn!(target: "sansocket::bus", broker = address, why = &**why, "not connected");
        }
        EmitterEvent::Unheard { channel } => tracing::warn!(
            target: "sansocket::bus", broker = address, channel = &**channel,
            "no server listens to this channel: is it the broker, the format and the prefix of the servers?"
        ),
        _ => {}
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn tell(address: &str, event: &EmitterEvent) {
    let _ = (address, event);
}
