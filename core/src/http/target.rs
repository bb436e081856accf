//! Path and query of a request, read without allocating.

/// The query parameters Engine.IO gives meaning to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Query<'a> {
    pub(crate) revision: Option<&'a str>,
    pub(crate) transport: Option<&'a str>,
    pub(crate) sid: Option<&'a str>,
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
                _ => continue,
            };
            query.repeated |= field.replace(value).is_some();
        }
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
    fn repeated_parameters_are_noticed() {
        assert!(Query::parse("/?EIO=4&EIO=3").repeated);
        assert!(!Query::parse("/?t=1&t=2").repeated);
        assert_eq!(Query::parse("/"), Query::default());
    }
}
