//! Subprotocols (RFC 6455 §1.9, §4.1, §4.2.2): what a client offers, and which of it is chosen.
//!
//! ```text
//! Sec-WebSocket-Protocol = token *( OWS "," OWS token )      ; all different
//! ```

use crate::config::Protocols;
use crate::http::Fields;
use crate::http::token::is_token;

/// A `Sec-WebSocket-Protocol` that is no list of different tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

/// Chooses one of the subprotocols that a client offers, if it offers some. A list on several lines is
/// one list (RFC 9110 §5.3).
pub(crate) fn choose(
    fields: Fields<'_>,
    protocols: &Protocols,
) -> Result<Option<String>, Malformed> {
    let Some(offered) = fields.get(FIELD) else { return Ok(None) };
    let offered = tokens(&offered)?;
    let chosen = match protocols {
        Protocols::First => offered.first(),
        Protocols::None => None,
        Protocols::OneOf(list) => offered.iter().find(|one| list.iter().any(|own| own == *one)),
    };
    Ok(chosen.map(|&name| name.to_owned()))
}

const FIELD: &str = "sec-websocket-protocol";

/// The elements of a list, all different. There are no more than fit into a head.
fn tokens(list: &str) -> Result<Vec<&str>, Malformed> {
    let names: Vec<&str> = list.split(',').map(|name| name.trim_matches([' ', '\t'])).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    let repeats = sorted.windows(2).any(|pair| pair[0] == pair[1]);
    if repeats || !names.iter().all(|name| is_token(name)) {
        return Err(Malformed);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::Places;

    fn choice(lines: &str, protocols: &Protocols) -> Result<Option<String>, Malformed> {
        choose(Fields::head(lines.as_bytes(), &Places::UNKNOWN), protocols)
    }

    #[test]
    fn the_first_offered_subprotocol_is_chosen_or_one_of_a_list_or_none() {
        let list = |names: &[&str]| Protocols::OneOf(names.iter().map(|&n| n.into()).collect());
        let offer =
            "Sec-WebSocket-Protocol: my-app , other\r\nX: y\r\nsec-websocket-protocol: v2\r\n";
        for (protocols, chosen) in [
            (Protocols::First, Some("my-app")),
            (Protocols::None, None),
            (list(&["v2", "other"]), Some("other")),
            (list(&["v2"]), Some("v2")),
            (list(&["MY-APP"]), None),
            (list(&[]), None),
        ] {
            assert_eq!(choice(offer, &protocols).unwrap().as_deref(), chosen, "{protocols:?}");
        }
        assert_eq!(choice("Host: a\r\n", &Protocols::First), Ok(None), "nothing is offered");
    }

    #[test]
    fn a_list_that_is_none_is_malformed() {
        for bad in ["", ",", "a,", ",a", "a,,b", "a b", "a;b", "a,b,a", "\"a\"", "a/b", "ä"] {
            for protocols in [Protocols::First, Protocols::None] {
                let lines = format!("Sec-WebSocket-Protocol: {bad}\r\n");
                assert_eq!(choice(&lines, &protocols), Err(Malformed), "{bad:?}");
            }
        }
        let twice = "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n";
        assert_eq!(choice(twice, &Protocols::First), Err(Malformed));
    }
}
