//! The field `Sec-WebSocket-Extensions` (RFC 6455 §9.1), and the parameters of permessage-deflate in it
//! (RFC 7692 §7.1).
//!
//! ```text
//! extensions = extension *( "," extension )
//! extension  = token *( ";" parameter )
//! parameter  = "server_no_context_takeover" / "client_no_context_takeover"
//!            / "server_max_window_bits" "=" bits
//!            / "client_max_window_bits" [ "=" bits ]         ; the number may be missing in offers only
//! bits       = "8" / "9" / "10" / … / "15"                   ; or in quotes
//! ```

/// The name of the extension.
pub(super) const NAME: &str = "permessage-deflate";

/// The parameters of an offer, or of an answer to one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Parameters {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<u8>,
    pub(super) client_max_window_bits: Option<Bits>,
}

/// A window that may be left to the other end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Bits {
    /// The client can be limited.
    Any,
    /// A limit.
    Most(u8),
}

/// Each extension of a field as its name and the rest, which [`parse`] reads.
pub(super) fn extensions(field: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    Pieces { rest: Some(field), separator: b',' }.map(|extension| {
        let mut pieces = Pieces { rest: Some(extension), separator: b';' };
        let name = pieces.next().unwrap_or_default();
        (name.trim_matches(BLANKS), pieces.rest)
    })
}

/// Reads the parameters of an extension; `None` when one is unknown, given twice, or has a value that
/// it cannot have.
pub(super) fn parse(rest: Option<&str>) -> Option<Parameters> {
    let mut found = Parameters::default();
    for parameter in (Pieces { rest, separator: b';' }) {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value.trim_matches(BLANKS))),
            None => (parameter, None),
        };
        match (name.trim_matches(BLANKS), value) {
            ("server_no_context_takeover", None) if !found.server_no_context_takeover => {
                found.server_no_context_takeover = true;
            }
            ("client_no_context_takeover", None) if !found.client_no_context_takeover => {
                found.client_no_context_takeover = true;
            }
            ("server_max_window_bits", Some(value)) if found.server_max_window_bits.is_none() => {
                found.server_max_window_bits = Some(bits(value)?);
            }
            ("client_max_window_bits", value) if found.client_max_window_bits.is_none() => {
                let bits = value.map_or(Some(Bits::Any), |value| bits(value).map(Bits::Most));
                found.client_max_window_bits = Some(bits?);
            }
            (_, _) => return None,
        }
    }
    Some(found)
}

fn bits(value: &str) -> Option<u8> {
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    match quoted.unwrap_or(value) {
        "8" => Some(8),
        "9" => Some(9),
        "10" => Some(10),
        "11" => Some(11),
        "12" => Some(12),
        "13" => Some(13),
        "14" => Some(14),
        "15" => Some(15),
        _ => None,
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The pieces of a text between separators that are not in quotes.
struct Pieces<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        let mut bytes = text.bytes().enumerate();
        let mut quoted = false;
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => quoted = !quoted,
                b'\\' if quoted => drop(bytes.next()),
                _ if byte == self.separator && !quoted => {
                    self.rest = Some(&text[at + 1..]);
                    return Some(&text[..at]);
                }
                _ => {}
            }
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quotes_separate_nothing() {
        let field = " a ; x=\"1,2;\\\"3\" , permessage-deflate;b ;c,,d";
        let found: Vec<_> = extensions(field).collect();
        let expected = [
            ("a", Some(" x=\"1,2;\\\"3\" ")),
            ("permessage-deflate", Some("b ;c")),
            ("", None),
            ("d", None),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn parameters_are_known_come_once_and_have_their_values() {
        assert_eq!(parse(None), Some(Parameters::default()));
        let all = " server_no_context_takeover;client_no_context_takeover ; \
                   server_max_window_bits=\"10\"; client_max_window_bits = 9";
        let expected = Parameters {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: Some(10),
            client_max_window_bits: Some(Bits::Most(9)),
        };
        assert_eq!(parse(Some(all)), Some(expected));
        let open = parse(Some("client_max_window_bits")).expect("valid");
        assert_eq!(open.client_max_window_bits, Some(Bits::Any));
        for bad in [
            "",
            "x",
            "x=1",
            "server_no_context_takeover=1",
            "server_no_context_takeover;server_no_context_takeover",
            "client_no_context_takeover=\"\"",
            "server_max_window_bits",
            "server_max_window_bits=",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=08",
            "server_max_window_bits=+9",
            "server_max_window_bits=\"9",
            "server_max_window_bits=9;server_max_window_bits=9",
            "client_max_window_bits;client_max_window_bits=9",
            "client_max_window_bits=0x9",
            "Server_No_Context_Takeover",
        ] {
            assert_eq!(parse(Some(bad)), None, "{bad}");
        }
    }
}
