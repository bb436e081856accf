//! Names of namespaces with parameters in them: `/room-{id}`.

use std::fmt;

/// A name whose parts in braces may be any text without a slash, at least one character long.
///
/// ```text
/// pattern = "/" *( text / "{" name "}" )     ; never two parameters in a row
/// ```
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Pattern {
    /// The text before the first parameter.
    start: Box<str>,
    /// Each parameter with the text after it.
    params: Vec<(Box<str>, Box<str>)>,
}

impl Pattern {
    /// Reads a pattern; `None` when the name has no braces and means itself.
    ///
    /// # Panics
    /// When it is malformed: that is the application's mistake, found when it starts.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if !name.contains(['{', '}']) {
            return None;
        }
        let mut pieces = name.split('{');
        let start = pieces.next().unwrap_or_default();
        let mut params: Vec<(Box<str>, Box<str>)> = Vec::new();
        let mut sound = !start.contains('}');
        for piece in pieces {
            let (param, text) = piece.split_once('}').unwrap_or_default();
            let adjacent = params.last().is_some_and(|(_, before)| before.is_empty());
            let known = params.iter().any(|(other, _)| **other == *param);
            sound &= !param.is_empty() && !text.contains('}') && !adjacent && !known;
            params.push((param.into(), text.into()));
        }
        assert!(
            sound,
            "{name:?} is no pattern of a namespace: write each parameter as {{name}}, each name \
             once, and some text between two of them",
        );
        Some(Self { start: start.into(), params })
    }

    /// Whether a name has this form.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.values(name, |_, _| ())
    }

    /// The text that stands for a parameter in a name.
    pub(crate) fn param<'n>(&self, name: &'n str, wanted: &str) -> Option<&'n str> {
        let mut found = None;
        let matched = self.values(name, |param, value| {
            if param == wanted {
                found = Some(value);
            }
        });
        found.filter(|_| matched)
    }

    /// Shows each parameter with its value, and says whether the whole name fits.
    ///
    /// A parameter is as short as the text after it allows; the last text is the end of the name.
    /// Nothing is tried twice: as no parameter holds a slash, a longer one fits nowhere else.
    fn values<'n>(&self, name: &'n str, mut seen: impl FnMut(&str, &'n str)) -> bool {
        let Some(mut rest) = name.strip_prefix(&*self.start) else { return false };
        let last = self.params.len() - 1;
        for (at, (param, text)) in self.params.iter().enumerate() {
            let first = rest.chars().next().map_or(0, char::len_utf8);
            let end = match at == last {
                true => rest.ends_with(&**text).then(|| rest.len() - text.len()),
                false => rest[first..].find(&**text).map(|end| first + end),
            };
            let Some(value) = end.map(|end| &rest[..end]) else { return false };
            if value.is_empty() || value.contains('/') {
                return false;
            }
            seen(param, value);
            rest = &rest[value.len() + text.len()..];
        }
        true
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.start)?;
        self.params.iter().try_for_each(|(param, text)| write!(f, "{{{param}}}{text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_between_literal_text() {
        for (pattern, name, values) in [
            ("/room-{id}", "/room-7", Some(vec![("id", "7")])),
            ("/room-{id}", "/room-ü世", Some(vec![("id", "ü世")])),
            ("/room-{id}", "/room-", None),
            ("/room-{id}", "/room-7/x", None),
            ("/room-{id}", "/rooms-7", None),
            ("/{a}/x", "/1/x", Some(vec![("a", "1")])),
            ("/{a}/x", "/1/x/x", None),
            ("/{a}-{b}", "/1-2-3", Some(vec![("a", "1"), ("b", "2-3")])),
            ("/{a}-{b}", "/--2", Some(vec![("a", "-"), ("b", "2")])),
            ("/{a}-{b}", "/12", None),
            ("/{a}.x", "/a.x.x", Some(vec![("a", "a.x")])),
            ("/{a}xx", "/xx", None),
            ("/{a}xx", "/xxx", Some(vec![("a", "x")])),
            ("/{a}/{b}", "/1/", None),
            ("/{a}/{b}", "/1/2", Some(vec![("a", "1"), ("b", "2")])),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(name), values.is_some(), "{pattern} {name}");
            for (param, value) in values.unwrap_or_default() {
                assert_eq!(parsed.param(name, param), Some(value), "{pattern} {name}");
            }
            assert_eq!(parsed.param(name, "none"), None);
            assert_eq!(format!("{parsed:?}"), pattern);
        }
    }

    #[test]
    fn a_name_without_braces_is_no_pattern() {
        assert_eq!(Pattern::parse("/room"), None);
    }

    #[test]
    fn malformed_patterns_are_found_at_once() {
        for bad in ["/{", "/}", "/{}", "/{a", "/a}", "/{a}{b}", "/{a}-{a}", "/{a}}", "/{{a}"] {
            let parsed = std::panic::catch_unwind(|| Pattern::parse(bad));
            assert!(parsed.is_err(), "{bad}");
        }
    }
}
