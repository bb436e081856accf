//! Path and query of a request, read without allocating.

/// The query parameters Engine.IO gives meaning to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Query<'a> {
    pub(crate) revision: Option<&'a str>,
    pub(crate) transport: Option<&'a str>,
    /// Never empty: clients that write `sid=` have none.
    pub(crate) sid: Option<&'a str>,
    /// The number of the function that an answer by JSONP calls.
    pub(crate) jsonp: Option<&'a str>,
    /// Whether binary is asked for as base64, with `b64=1`.
    pub(crate) base64: bool,
    /// Whether one of them is given twice: two readers might choose differently.
    pub(crate) repeated: bool,
}

impl<'a> Query<'a> {
    pub(crate) fn parse(target: &'a str) -> Self {
        let mut query = Self::default();
        let Some((_, pairs)) = cut(target, b'?') else { return query };
        let mut rest = Some(pairs);
        while let Some(pairs) = rest {
            let (pair, more) =
                cut(pairs, b'&').map_or((pairs, None), |(pair, more)| (pair, Some(more)));
            rest = more;
            let (field, value) = if let Some(value) = value(pair, "transport") {
                (&mut query.transport, value)
            } else if let Some(value) = value(pair, "sid") {
                (&mut query.sid, value)
            } else if let Some(value) = value(pair, "EIO") {
                (&mut query.revision, value)
            } else {
                if let Some(value) = value(pair, "j") {
                    query.jsonp.get_or_insert(value);
                } else if let Some(value) = value(pair, "b64") {
                    query.base64 = !value.is_empty();
                }
                continue;
            };
            query.repeated |= field.replace(value).is_some();
        }
        query.sid = query.sid.filter(|sid| !sid.is_empty());
        query
    }
}

/// The value of a pair with this key; that of a key alone is empty.
#[inline(always)]
fn value<'a>(pair: &'a str, key: &str) -> Option<&'a str> {
    let rest = pair.strip_prefix(key)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('=') }
}

/// Cuts a text at the first `mark`, which is ASCII.
#[inline]
pub(crate) fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = find(text.as_bytes(), mark)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Finds a byte. The parts of a target are so short that a search made for long texts takes longer to
/// begin.
#[inline]
fn find(bytes: &[u8], mark: u8) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        let differs = u64::from_le_bytes(*word) ^ (ONES * u64::from(mark));
        // The lowest bit that is set is that of the first match.
        match differs.wrapping_sub(ONES) & !differs & (ONES << 7) {
            0 => rest = after,
            found => return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize / 8),
        }
    }
    let found = rest.iter().position(|&byte| byte == mark)?;
    Some(bytes.len() - rest.len() + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_parameters_are_picked_out() {
        let query = Query::parse("/socket.io/?t=abc&EIO=4&transport=polling&sid=x");
        assert_eq!(query.revision, Some("4"));
        assert_eq!(query.transport, Some("polling"));
        assert_eq!(query.sid, Some("x"));
        assert!(!query.repeated);
    }

    #[test]
    fn an_empty_sid_is_none() {
        for target in ["/?sid=", "/?sid", "/?sid=&EIO=4"] {
            assert_eq!(Query::parse(target).sid, None, "{target}");
        }
        assert_eq!(Query::parse("/?sid=%20").sid, Some("%20"));
    }

    #[test]
    fn repeated_parameters_are_noticed() {
        assert!(Query::parse("/?EIO=4&EIO=3").repeated);
        assert!(Query::parse("/?sid=&sid=abc").repeated);
        assert!(!Query::parse("/?t=1&t=2").repeated);
        assert_eq!(Query::parse("/"), Query::default());
    }
}
