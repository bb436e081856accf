//! The first packet of a WebTransport stream (engine.io-protocol v4, "WebTransport").

use crate::error::Violation;
use crate::key::is_sid_text;
use crate::link::Opening;
use crate::socket::scan;

/// Reads the packet, `0` for a new session or `0{"sid":"…"}` for one that is to move to the stream, and
/// returns what it says.
pub(crate) fn parse(packet: &str) -> Result<Opening<'_>, Violation> {
    let text = packet.strip_prefix('0').ok_or(Violation::UnknownPacket)?;
    if text.is_empty() {
        return Ok(Opening { sid: None });
    }
    scan::members(text, &mut |_, _| {})?;
    let sid = scan::member(text, "sid");
    let sid = sid.and_then(|sid| sid.strip_prefix('"')?.strip_suffix('"'));
    // It goes into the target of a request.
    let sid = sid.filter(|sid| is_sid_text(sid)).ok_or(Violation::InvalidPacket)?;
    Ok(Opening { sid: Some(sid) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_opens_a_session_or_names_one() {
        for (packet, sid) in [
            ("0", None),
            (r#"0{"sid":"a-_9.~"}"#, Some("a-_9.~")),
            (r#"0{"x":{"sid":"z"},"sid":"a"}"#, Some("a")),
        ] {
            assert_eq!(parse(packet), Ok(Opening { sid }));
        }
    }

    #[test]
    fn the_packet_counts_and_not_the_query() {
        let new = Opening { sid: None };
        assert_eq!(new.target("/s/"), "/s/?EIO=4&transport=webtransport");
        let upgrade = Opening { sid: Some("y") };
        assert_eq!(
            upgrade.target("/s/?EIO=3&a=b&transport=polling&sid=x&c"),
            "/s/?EIO=4&transport=webtransport&sid=y&a=b&c"
        );
        assert!(!format!("{upgrade:?}").contains('y'));
    }

    #[test]
    fn a_broken_opening_is_refused() {
        for (packet, violation) in [
            ("", Violation::UnknownPacket),
            ("2probe", Violation::UnknownPacket),
            ("00", Violation::InvalidPacket),
            ("0{}", Violation::InvalidPacket),
            (r#"0{"sid":1}"#, Violation::InvalidPacket),
            (r#"0{"sid":""}"#, Violation::InvalidPacket),
            (r#"0{"sid":"a&b"}"#, Violation::InvalidPacket),
            (r#"0{"sid":"\u0061"}"#, Violation::InvalidPacket),
            (r#"0{"sid":"a""#, Violation::InvalidJson),
        ] {
            assert_eq!(parse(packet), Err(violation), "{packet}");
        }
    }
}
