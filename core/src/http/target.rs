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
            let (key, value) = cut(pair, b'=').unwrap_or((pair, ""));
            let field = match key {
                "EIO" => &mut query.revision,
                "transport" => &mut query.transport,
                "sid" => &mut query.sid,
                "j" => {
                    query.jsonp.get_or_insert(value);
                    continue;
                }
                "b64" => {
                    query.base64 = !value.is_empty();
                    continue;
                }
                _ => continue,
            };
            query.repeated |= field.replace(value).is_some();
        }
        query.sid = query.sid.filter(|sid| !sid.is_empty());
        query
    }
}

/// Cuts a text at the first `mark`, which is ASCII. Targets are read several times per request, and
/// this is a third of the work of `split_once`.
pub(crate) fn cut(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(mark, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
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
