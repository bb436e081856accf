//! The OPEN packet (engine.io-protocol v4, "Handshake"), written and read.

use std::fmt;
use std::time::Duration;

use crate::config::Config;
use crate::error::Violation;
use crate::socket::scan;

/// Makes OPEN packets, of which most is the same for all sessions.
#[derive(Debug)]
pub(crate) struct Open {
    upgrades: &'static str,
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
        let transports = config.transports;
        let upgrades = match (transports.upgrades, transports.webtransport) {
            (true, true) => r#""websocket","webtransport""#,
            (true, false) => r#""websocket""#,
            (false, _) => "",
        };
        Self { upgrades, tail: tail.into() }
    }

    /// Writes `0{"sid":…}` with the five keys every client expects; `put_sid` appends the sid. The session may
    /// move to another transport if it is polling.
    pub(crate) fn packet(&self, put_sid: impl FnOnce(&mut String), polling: bool) -> String {
        let mut out = String::with_capacity(72 + self.tail.len());
        out.push_str("0{\"sid\":\"");
        put_sid(&mut out);
        out.push_str("\",\"upgrades\":[");
        if polling {
            out.push_str(self.upgrades);
        }
        out.push_str(&self.tail);
        out
    }
}

/// What a client learns from an OPEN packet.
///
/// The session id proves to whom the session belongs: the `Debug` text does not show it.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Opened {
    /// The session id, for the parameter `sid` of further requests.
    pub sid: String,
    /// Whether the session may move to a WebSocket.
    pub upgrades: bool,
    /// Time between two PINGs of the server.
    pub ping_interval: Duration,
    /// Time that the server gives a client to answer a PING; a client that heard no PING for this and
    /// [`ping_interval`](Self::ping_interval) together takes the connection for lost.
    pub ping_timeout: Duration,
    /// Bytes that the server takes in one message or payload; 0 when it does not say.
    pub max_payload: u64,
}

impl Opened {
    /// Reads an OPEN packet, `0{…}`.
    ///
    /// # Errors
    /// [`Violation::UnknownPacket`] when it is another packet, [`Violation::InvalidJson`] or
    /// [`Violation::InvalidPacket`] when it is no object with a session id and both times.
    pub fn parse(packet: &str) -> Result<Self, Violation> {
        let text = packet.strip_prefix('0').ok_or(Violation::UnknownPacket)?;
        let (mut sid, mut upgrades, mut max_payload) = (None, false, 0);
        let (mut interval, mut timeout) = (None, None);
        scan::members(text, &mut |name, value| match name {
            "sid" => sid = scan::string(value).map(String::from),
            "upgrades" => upgrades |= value == "\"websocket\"",
            "pingInterval" => interval = value.parse().ok().map(Duration::from_millis),
            "pingTimeout" => timeout = value.parse().ok().map(Duration::from_millis),
            "maxPayload" => max_payload = value.parse().unwrap_or(0),
            _ => {}
        })?;
        let whole = sid.zip(interval.zip(timeout));
        let (sid, (ping_interval, ping_timeout)) = whole.ok_or(Violation::InvalidPacket)?;
        Ok(Self { sid, upgrades, ping_interval, ping_timeout, max_payload })
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("upgrades", &self.upgrades)
            .field("ping_interval", &self.ping_interval)
            .field("ping_timeout", &self.ping_timeout)
            .field("max_payload", &self.max_payload)
            .finish_non_exhaustive()
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
            Open::new(&Config::default()).packet(|out| sid.put(None, out), true),
            "0{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"upgrades\":[\"websocket\"],\
             \"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"
        );
    }

    #[test]
    fn webtransport_is_offered_where_it_is_on() {
        let mut config = Config::default();
        config.transports.webtransport = true;
        let open = |config: &Config| Open::new(config).packet(|out| out.push('a'), true);
        assert!(open(&config).contains(r#""upgrades":["websocket","webtransport"],"#));
        config.transports.upgrades = false;
        assert!(open(&config).contains(r#""upgrades":[],"#));
    }

    #[test]
    fn an_open_packet_is_read_as_it_is_written_and_as_others_write_it() {
        let ours = Open::new(&Config::default()).packet(|out| out.push_str("a_b"), true);
        let opened = Opened::parse(&ours).expect("valid");
        assert_eq!((opened.sid.as_str(), opened.upgrades), ("a_b", true));
        assert_eq!(opened.ping_interval, Duration::from_secs(25));
        assert_eq!(opened.ping_timeout, Duration::from_secs(20));
        assert_eq!(opened.max_payload, 1_000_000);
        let other =
            r#"0 {"pingTimeout":1,"x":{"sid":"z"},"upgrades":[],"sid":"\u0061","pingInterval":2}"#;
        let opened = Opened::parse(other).expect("valid");
        assert_eq!((opened.sid.as_str(), opened.upgrades, opened.max_payload), ("a", false, 0));
        assert!(!format!("{opened:?}").contains("sid"));
    }

    #[test]
    fn an_open_packet_without_an_id_or_a_time_is_refused() {
        for (packet, violation) in [
            ("", Violation::UnknownPacket),
            ("4{}", Violation::UnknownPacket),
            ("0", Violation::InvalidPacket),
            ("0[]", Violation::InvalidPacket),
            ("0{}", Violation::InvalidPacket),
            (r#"0{"sid":1,"pingInterval":1,"pingTimeout":1}"#, Violation::InvalidPacket),
            (r#"0{"sid":"a","pingInterval":-1,"pingTimeout":1}"#, Violation::InvalidPacket),
            (r#"0{"sid":"a","pingInterval":1}"#, Violation::InvalidPacket),
            (r#"0{"sid":"a","#, Violation::InvalidJson),
        ] {
            assert_eq!(Opened::parse(packet).map(|opened| opened.sid), Err(violation), "{packet}");
        }
    }
}
