//! Which version of a file there is, and which one a client has (RFC 9110 §8.8, §13).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What tells one version of a file from another.
pub(super) struct Version {
    /// Time of the last change, in nanoseconds, and length. A strong tag, because downloads only
    /// resume by strong ones (§13.1.5); file systems count time finely enough for that.
    tag: String,
    /// In whole seconds, as dates of HTTP are.
    modified: Option<SystemTime>,
}

impl Version {
    pub(super) fn new(length: u64, modified: Option<SystemTime>) -> Self {
        let age = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let tag = format!("\"{:x}-{length:x}\"", age.map_or(0, |age| age.as_nanos()));
        // A date before 1970 cannot be written, and one in the future must not be sent (§8.8.2.1).
        let seconds = age.map(|age| UNIX_EPOCH + Duration::from_secs(age.as_secs()));
        let modified = seconds.filter(|time| *time <= SystemTime::now());
        Self { tag, modified }
    }

    pub(super) fn tag(&self) -> HeaderValue {
        super::plain(&self.tag)
    }

    pub(super) fn date(&self) -> Option<HeaderValue> {
        self.modified.map(|time| super::plain(&httpdate::fmt_http_date(time)))
    }

    /// Whether the client has this version: `If-None-Match`, else `If-Modified-Since` (§13.2.2).
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key(header::IF_NONE_MATCH) {
            let lists = headers.get_all(header::IF_NONE_MATCH).iter();
            return lists.filter_map(|list| list.to_str().ok()).any(|list| self.is_in(list));
        }
        let since = date(headers, header::IF_MODIFIED_SINCE);
        self.modified.zip(since).is_some_and(|(modified, since)| modified <= since)
    }

    /// Whether a range is one of this version: no `If-Range`, or one that names it (§13.1.5).
    pub(super) fn allows_range(&self, headers: &HeaderMap) -> bool {
        let Some(named) = headers.get(header::IF_RANGE) else { return true };
        // A weak tag never compares as strong.
        let same_date = self.modified.is_some() && date(headers, header::IF_RANGE) == self.modified;
        named.as_bytes() == self.tag.as_bytes() || same_date
    }

    /// Whether a list of tags has this one, weak or strong. A comma inside a foreign tag only makes
    /// pieces that lack a quote.
    fn is_in(&self, list: &str) -> bool {
        let tags = list.split(',').map(str::trim);
        tags.into_iter().any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag)
    }
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}
