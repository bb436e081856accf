//! The header fields that have a meaning here, and what their values may be.

use std::net::Ipv6Addr;

use crate::error::Violation;
use crate::field::Field;

impl Field {
    pub(super) const COUNT: usize = 11;

    /// The fields that a request has once at most: two readers might choose different ones. The
    /// others are lists, which may go over several lines (RFC 9110 §5.3).
    pub(super) const SINGLE: [Self; 9] = [
        Self::Authorization,
        Self::ContentLength,
        Self::ContentType,
        Self::Expect,
        Self::Host,
        Self::Origin,
        Self::SecWebSocketKey,
        Self::SecWebSocketVersion,
        Self::TransferEncoding,
    ];

    /// Reads a name in any case. Most are ruled out by their length.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        // Nearly every peer writes it in one of two ways, and comparing these is quick.
        let is = |known: Self, usual: &str| {
            let lower = known.name();
            (name == usual || name == lower || name.eq_ignore_ascii_case(lower)).then_some(known)
        };
        match name.len() {
            4 => is(Self::Host, "Host"),
            6 => is(Self::Origin, "Origin").or_else(|| is(Self::Expect, "Expect")),
            7 => is(Self::Upgrade, "Upgrade"),
            10 => is(Self::Connection, "Connection"),
            12 => is(Self::ContentType, "Content-Type"),
            13 => is(Self::Authorization, "Authorization"),
            14 => is(Self::ContentLength, "Content-Length"),
            17 => is(Self::SecWebSocketKey, "Sec-WebSocket-Key")
                .or_else(|| is(Self::TransferEncoding, "Transfer-Encoding")),
            21 => is(Self::SecWebSocketVersion, "Sec-WebSocket-Version"),
            _ => None,
        }
    }

    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Connection | Self::Upgrade)
    }

    /// Checks a value that decides for whom a request is, or what is expected of its reader.
    pub(super) fn check(self, value: &[u8]) -> Result<(), Violation> {
        match self {
            Self::Expect if !value.eq_ignore_ascii_case(b"100-continue") => {
                Err(Violation::UnknownExpectation)
            }
            Self::Host if !is_authority(value) => Err(Violation::InvalidHost),
            Self::Origin if std::str::from_utf8(value).is_err() => Err(Violation::InvalidOrigin),
            Self::Authorization
            | Self::Connection
            | Self::ContentLength
            | Self::ContentType
            | Self::Expect
            | Self::Host
            | Self::Origin
            | Self::SecWebSocketKey
            | Self::SecWebSocketVersion
            | Self::TransferEncoding
            | Self::Upgrade => Ok(()),
        }
    }
}

/// What stands between the values of a field that goes over several lines; `None` when only the first
/// line counts. The same as in Node.
pub(crate) fn separator(name: &str) -> Option<&'static str> {
    const FIRST: [&str; 7] = [
        "from",
        "if-modified-since",
        "if-unmodified-since",
        "max-forwards",
        "proxy-authorization",
        "referer",
        "user-agent",
    ];
    if name.eq_ignore_ascii_case("cookie") {
        return Some("; ");
    }
    (!FIRST.iter().any(|first| name.eq_ignore_ascii_case(first))).then_some(", ")
}

/// Whether a text is one host with an optional port.
///
/// ```text
/// authority = ( "[" IPv6address "]" / 1*( unreserved / "%" / sub-delims except "," ) ) [ ":" *DIGIT ]
/// ```
///
/// That is RFC 3986 §3.2 without user information, which RFC 9110 §4.2.4 calls an error, without the
/// empty host, which RFC 9110 §4.2.1 rules out for `http`, and without commas, which no host has and
/// which two `Host` fields become when a proxy joins them.
pub(crate) fn is_authority(text: &[u8]) -> bool {
    let port = match text {
        [b'[', rest @ ..] => {
            let Some(end) = memchr::memchr(b']', rest) else { return false };
            let address = std::str::from_utf8(&rest[..end]).ok();
            if address.is_none_or(|address| address.parse::<Ipv6Addr>().is_err()) {
                return false;
            }
            &rest[end + 1..]
        }
        [..] => {
            let end = text.iter().position(|&byte| !IN_HOST[usize::from(byte)]);
            match end.unwrap_or(text.len()) {
                0 => return false,
                end => &text[end..],
            }
        }
    };
    match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        [..] => false,
    }
}

/// The bytes that a name of a host may have.
static IN_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        table[byte as usize] = matches!(
            byte,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$'
                | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'='
        );
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_field_in_any_case() {
        for field in Field::SINGLE.into_iter().chain([Field::Connection, Field::Upgrade]) {
            assert_eq!(Field::from_name(field.name()), Some(field));
            assert_eq!(Field::from_name(&field.to_string()), Some(field));
            assert_eq!(field.is_list(), !Field::SINGLE.contains(&field));
        }
        assert_eq!(Field::SINGLE.len() + 2, Field::COUNT);
        assert_eq!(Field::from_name("hots"), None);
    }

    #[test]
    fn an_authority_is_one_host_with_an_optional_port() {
        for text in [
            "a",
            "a.example",
            "A-b_c.example:8080",
            "127.0.0.1:80",
            "[::1]",
            "[2001:db8::1]:443",
            "a:",
            "xn--bcher-kva.example",
            "%62",
        ] {
            assert!(is_authority(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            ":80",
            "a b",
            "a b,c/@",
            "a,b",
            "a, b",
            "a/",
            "a/b",
            "a?b",
            "a#b",
            "user@a",
            "user:secret@a",
            "a:b",
            "a:80:80",
            "a:123456",
            "a:-1",
            "::1",
            "[::1",
            "[]",
            "[a]",
            "[::1]a",
            "[fe80::1%25eth0]",
            "a\t",
            "\u{e9}.example",
            "http://a",
            "a\\b",
            "\"a\"",
            "<a>",
        ] {
            assert!(!is_authority(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn lines_of_a_field_are_joined_as_in_node() {
        assert_eq!(separator("Cookie"), Some("; "));
        assert_eq!(separator("accept-encoding"), Some(", "));
        assert_eq!(separator("x-own"), Some(", "));
        assert_eq!(separator("User-Agent"), None);
    }
}
