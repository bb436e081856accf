//! Header fields, independent of the parser.

use std::borrow::Cow;
use std::fmt;

use super::cut;
use super::field::separator;
use super::head::{Place, Places};
use super::token::has_token;
use crate::error::Violation;
use crate::field::Field;

/// How a host framework shows headers it already parsed, such as `http::HeaderMap`.
pub trait Headers {
    /// Calls `each` with the name and the value of every field, line by line, in the order they came.
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8]));

    /// Calls `each` with every value of the fields of that name, in lower case, in the order they came.
    fn values<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8])) {
        self.each(&mut |found, value| {
            if found.eq_ignore_ascii_case(name) {
                each(value);
            }
        });
    }
}

impl<N: AsRef<str>, V: AsRef<str>> Headers for Vec<(N, V)> {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        self.iter().for_each(|(name, value)| each(name.as_ref(), value.as_ref().as_bytes()));
    }
}

impl<N: AsRef<str>, V: AsRef<str>, const COUNT: usize> Headers for [(N, V); COUNT] {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        self.iter().for_each(|(name, value)| each(name.as_ref(), value.as_ref().as_bytes()));
    }
}

/// Header fields, parsed by this crate or by a host.
#[derive(Clone, Copy)]
pub struct Fields<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// A head that was parsed, without the empty line, and where the common fields are in it.
    Head(&'a [u8], &'a Places),
    Host(&'a dyn Headers),
}

impl<'a> Fields<'a> {
    /// Wraps the headers of a host framework.
    #[must_use]
    pub fn host(headers: &'a dyn Headers) -> Self {
        Self(Source::Host(headers))
    }

    /// Wraps a head that was parsed before, up to the empty line.
    pub(crate) fn head(head: &'a [u8], places: &'a Places) -> Self {
        Self(Source::Head(head, places))
    }

    /// Returns the value of the field of that name, in lower case; with `?` for what is not UTF-8.
    ///
    /// A field that goes over several lines is the list of all of them (RFC 9110 §5.3), separated by
    /// `, `, those of `cookie` by `; `. As in Node, only the first line counts of `user-agent`,
    /// `referer` and others that are no lists.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut found: Option<Cow<'a, str>> = None;
        self.values(name, &mut |value| match &mut found {
            None => found = Some(text_of(value)),
            Some(before) => {
                if let Some(separator) = separator(name) {
                    let before = before.to_mut();
                    before.push_str(separator);
                    before.push_str(&text_of(value));
                }
            }
        });
        found
    }

    /// Calls `each` with the name and the value of every field, line by line, in the order they came.
    pub fn each(&self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        let (head, places) = match self.0 {
            Source::Head(head, places) => (head, places),
            Source::Host(host) => return host.each(each),
        };
        let authority = places.authority().and_then(|place| place.of(head));
        if let Some(authority) = authority {
            each(Field::Host.name(), authority);
        }
        for (name, value) in lines(places.lines_of(head)) {
            let replaced = authority.is_some() && name.eq_ignore_ascii_case(b"host");
            if let (false, Ok(name)) = (replaced, std::str::from_utf8(name)) {
                each(name, value);
            }
        }
    }

    /// Calls `each` with the name and the value of every field, with `?` for what is not UTF-8: a value
    /// gets no longer than it came.
    pub(crate) fn each_text(&self, each: &mut dyn FnMut(&str, &str)) {
        // Mostly all of them are text, which one look tells.
        if let Source::Head(head, places) = self.0
            && places.authority().is_none()
            && let Ok(lines) = std::str::from_utf8(places.lines_of(head))
        {
            return each_line(lines, each);
        }
        self.each(&mut |name, value| each(name, &text_of(value)));
    }

    /// Calls `each` with every value of the fields of that name.
    fn values(&self, name: &str, each: &mut dyn FnMut(&'a [u8])) {
        match self.0 {
            Source::Head(head, places) => {
                let place = Field::from_name(name).map_or(Place::Unknown, |field| places.at(field));
                values_at((head, places), (place, name), each);
            }
            Source::Host(host) => host.values(name, each),
        }
    }

    /// Calls `each` with every value of a field.
    fn values_of(&self, field: Field, each: &mut dyn FnMut(&'a [u8])) {
        match self.0 {
            Source::Head(head, places) => {
                values_at((head, places), (places.at(field), field.name()), each);
            }
            Source::Host(host) => host.values(field.name(), each),
        }
    }

    /// Returns the value of a field that has one line.
    pub(crate) fn one(&self, field: Field) -> Option<&'a [u8]> {
        if let Source::Head(head, places) = self.0 {
            match places.at(field) {
                Place::Absent => return None,
                place @ Place::At { .. } => return place.of(head),
                Place::Unknown => {}
            }
        }
        let mut found = None;
        self.values_of(field, &mut |value| {
            found.get_or_insert(value);
        });
        found
    }

    /// The same, when it is UTF-8.
    pub(crate) fn text(&self, field: Field) -> Option<&'a str> {
        std::str::from_utf8(self.one(field)?).ok()
    }

    /// Whether the list that a field is contains `token`, in any case.
    pub(crate) fn has_token(&self, field: Field, token: &str) -> bool {
        let mut found = false;
        self.values_of(field, &mut |value| found |= has_token(value, token));
        found
    }

    /// Checks the fields of a host for what the reader of our own heads refuses.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        let Source::Host(host) = self.0 else { return Ok(()) };
        for field in Field::SINGLE {
            let mut outcome = Ok(());
            let mut values = 0;
            host.values(field.name(), &mut |value| {
                values += 1;
                match values {
                    1 => outcome = field.check(value),
                    _ => outcome = Err(Violation::RepeatedField(field)),
                }
            });
            outcome?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values stay out: they carry cookies and tokens.
        f.write_str("Fields(…)")
    }
}

/// Calls `each` with every value of a field, by its place in the head if that is known.
#[inline]
fn values_at<'a>(
    (head, places): (&'a [u8], &Places),
    (place, name): (Place, &str),
    each: &mut dyn FnMut(&'a [u8]),
) {
    match place {
        Place::Absent => {}
        Place::At { .. } => place.of(head).into_iter().for_each(each),
        Place::Unknown => lines(places.lines_of(head))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .for_each(|(_, value)| each(value)),
    }
}

/// A value as text, with `?` for each run of bytes that is not UTF-8.
fn text_of(value: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(value) {
        return text.into();
    }
    let mut text = String::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push('?');
        }
    }
    text.into()
}

fn each_line(mut lines: &str, each: &mut dyn FnMut(&str, &str)) {
    while let Some((line, rest)) = cut(lines, b'\n') {
        lines = rest;
        if let Some((name, value)) = cut(line, b':') {
            each(name, value.trim_ascii());
        }
    }
}

/// The names and values of header lines, each ended by CRLF.
fn lines(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let end = memchr::memchr(b'\n', rest)?;
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if let Some(colon) = memchr::memchr(b':', line) {
                return Some((&line[..colon], line[colon + 1..].trim_ascii()));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name_in_any_case() {
        let fields = Fields::head(
            b"Host: a.example\r\nX-Empty:\r\nCookie:  a=b; c=d \r\n",
            &Places::UNKNOWN,
        );
        assert_eq!(fields.get("host").as_deref(), Some("a.example"));
        assert_eq!(fields.get("x-empty").as_deref(), Some(""));
        assert_eq!(fields.get("cookie").as_deref(), Some("a=b; c=d"));
        assert_eq!(fields.get("hos"), None);
    }

    #[test]
    fn a_field_of_several_lines_is_the_list_of_all_of_them() {
        let lines = b"Cookie: a=1\r\nX-List: a\r\ncookie: b=2\r\nx-list: b, c\r\nX-List:\r\n\
            User-Agent: one\r\nUser-Agent: two\r\nConnection: keep-alive\r\nconnection: Upgrade\r\n";
        let ours = Fields::head(lines, &Places::UNKNOWN);
        let theirs = Listed(lines);
        for fields in [ours, Fields::host(&theirs)] {
            for (name, value) in [
                ("cookie", Some("a=1; b=2")),
                ("x-list", Some("a, b, c, ")),
                ("user-agent", Some("one")),
                ("connection", Some("keep-alive, Upgrade")),
                ("x", None),
            ] {
                assert_eq!(fields.get(name).as_deref(), value, "{name}");
            }
            assert!(fields.has_token(Field::Connection, "upgrade"));
            assert!(fields.has_token(Field::Connection, "keep-alive"));
            assert!(!fields.has_token(Field::Upgrade, "websocket"));
        }
    }

    #[test]
    fn what_is_no_text_gets_no_longer_than_it_came() {
        let lines = b"X: \xff\xfe a\xe2\x82 \xe2\x82\xac\r\nX: \xff\r\n";
        let fields = Fields::head(lines, &Places::UNKNOWN);
        assert_eq!(fields.get("x").as_deref(), Some("?? a? \u{20ac}, ?"));
    }

    #[test]
    fn a_host_may_not_show_what_our_reader_refuses() {
        let check = |lines: &[u8]| Fields::host(&Listed(lines)).check();
        assert_eq!(check(b"Host: a\r\nOrigin: http://a\r\nX: 1\r\nX: 2\r\n"), Ok(()));
        assert_eq!(check(b""), Ok(()));
        for field in Field::SINGLE {
            let value = if field == Field::Expect { "100-continue" } else { "a" };
            let line = format!("{field}: {value}\r\n");
            assert_eq!(check(line.as_bytes()), Ok(()), "{field}");
            let twice = line.repeat(2);
            assert_eq!(check(twice.as_bytes()), Err(Violation::RepeatedField(field)), "{field}");
        }
        assert_eq!(check(b"Host: a, b\r\n"), Err(Violation::InvalidHost));
        assert_eq!(check(b"Origin: \xff\r\n"), Err(Violation::InvalidOrigin));
        assert_eq!(check(b"Expect: 200-ok\r\n"), Err(Violation::UnknownExpectation));
    }

    /// The lines of a head, as a host would show them.
    struct Listed<'a>(&'a [u8]);

    impl Headers for Listed<'_> {
        fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
            for (name, value) in lines(self.0) {
                each(std::str::from_utf8(name).expect("names are text"), value);
            }
        }
    }
}
