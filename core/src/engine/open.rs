//! The OPEN packet (engine.io-protocol v4, "Handshake").

use std::fmt::Write as _;

use crate::config::Config;

/// Writes `0{"sid":…}` with the five keys every client expects; `put_sid` appends the sid.
pub(crate) fn packet(put_sid: impl FnOnce(&mut String), upgrades: bool, config: &Config) -> String {
    let mut out = String::with_capacity(128);
    out.push_str("0{\"sid\":\"");
    put_sid(&mut out);
    let upgrades = if upgrades { "\"websocket\"" } else { "" };
    let interval = config.ping_interval.saturating_add(config.ping_grace).as_millis();
    let timeout = config.ping_timeout.as_millis();
    let max_payload = config.limits.max_payload;
    let written = write!(
        out,
        "\",\"upgrades\":[{upgrades}],\"pingInterval\":{interval},\"pingTimeout\":{timeout},\
         \"maxPayload\":{max_payload}}}"
    );
    debug_assert!(written.is_ok(), "a String takes every write");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Shard, Sid};

    #[test]
    fn the_open_packet_has_exactly_five_keys() {
        let sid = Sid::new(Shard::ONLY, 0, [0; 15]);
        assert_eq!(
            packet(|out| sid.put(out), true, &Config::default()),
            "0{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"upgrades\":[\"websocket\"],\
             \"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"
        );
    }
}
