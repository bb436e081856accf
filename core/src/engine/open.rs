//! The OPEN packet (engine.io-protocol v4, "Handshake").

use crate::config::Config;

/// Makes OPEN packets, of which most is the same for all sessions.
#[derive(Debug)]
pub(crate) struct Open {
    tail: Box<str>,
}

impl Open {
    pub(crate) fn new(config: &Config) -> Self {
        let interval = config.ping_interval.saturating_add(config.ping_grace).as_millis();
        let timeout = config.ping_timeout.as_millis();
        let max_payload = config.limits.max_payload;
        let tail = format!(
            "],\"pingInterval\":{interval},\"pingTimeout\":{timeout},\"maxPayload\":{max_payload}}}"
        );
        Self { tail: tail.into() }
    }

    /// Writes `0{"sid":…}` with the five keys every client expects; `put_sid` appends the sid.
    pub(crate) fn packet(&self, put_sid: impl FnOnce(&mut String), upgrades: bool) -> String {
        let mut out = String::with_capacity(72 + self.tail.len());
        out.push_str("0{\"sid\":\"");
        put_sid(&mut out);
        out.push_str("\",\"upgrades\":[");
        if upgrades {
            out.push_str("\"websocket\"");
        }
        out.push_str(&self.tail);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Shard, Sid};

    #[test]
    fn the_open_packet_has_exactly_five_keys() {
        let sid = Sid::new(Shard::ONLY, 0, [0; 15]);
        assert_eq!(
            Open::new(&Config::default()).packet(|out| sid.put(out), true),
            "0{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"upgrades\":[\"websocket\"],\
             \"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"
        );
    }
}
