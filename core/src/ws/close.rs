//! Close codes and the payload of a close frame (RFC 6455 §5.5.1, §7.4).

use crate::error::Violation;

/// The code of a close frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint is going away: a server shutting down, a page left.
    pub const AWAY: Self = Self(1001);
    /// A framing rule was broken.
    pub const PROTOCOL: Self = Self(1002);
    /// Text that is not UTF-8, or a compressed message that is malformed.
    pub const NOT_UTF8: Self = Self(1007);
    /// A rule above framing was broken.
    pub const POLICY: Self = Self(1008);
    /// A message larger than the receiver accepts.
    pub const TOO_LARGE: Self = Self(1009);

    /// Returns the number on the wire.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }

    /// Reads a code that may be sent: assigned ones, and 3000–4999 for libraries and applications.
    fn from_wire(code: u16) -> Option<Self> {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999).then_some(Self(code))
    }
}

impl Violation {
    /// Returns the close code that answers it on a WebSocket (RFC 6455 §7.4.1).
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "packet rules are policy, not framing")]
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::AttachmentsTooLarge | Self::BodyTooLarge | Self::MessageTooLarge => {
                CloseCode::TOO_LARGE
            }
            Self::BadClose
            | Self::ControlFrame
            | Self::FragmentOrder
            | Self::Mask
            | Self::ReservedBits
            | Self::UnknownOpcode => CloseCode::PROTOCOL,
            Self::InvalidCompression | Self::InvalidUtf8 => CloseCode::NOT_UTF8,
            _ => CloseCode::POLICY,
        }
    }
}

/// Reads the payload of a close frame: nothing, or a code and a UTF-8 reason.
pub(crate) fn parse(payload: &[u8]) -> Result<Option<CloseCode>, Violation> {
    match payload {
        [] => Ok(None),
        [_] => Err(Violation::BadClose),
        [high, low, reason @ ..] => {
            std::str::from_utf8(reason).map_err(|_| Violation::BadClose)?;
            CloseCode::from_wire(u16::from_be_bytes([*high, *low]))
                .map(Some)
                .ok_or(Violation::BadClose)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_may_be_sent_are_accepted() {
        for code in [1000u16, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999] {
            assert_eq!(parse(&code.to_be_bytes()), Ok(Some(CloseCode(code))));
        }
        for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535] {
            assert_eq!(parse(&code.to_be_bytes()), Err(Violation::BadClose), "{code}");
        }
    }

    #[test]
    fn a_close_payload_is_empty_or_a_code_and_text() {
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"\x03"), Err(Violation::BadClose));
        assert_eq!(parse(b"\x03\xe8bye"), Ok(Some(CloseCode::NORMAL)));
        assert_eq!(parse(b"\x03\xe8\xff"), Err(Violation::BadClose));
    }
}
