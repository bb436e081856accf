//! Cookies that a server sets and a client returns (RFC 6265), as far as sessions need them.
//!
//! ```text
//! set-cookie = name "=" value *( ";" attribute )
//! attribute  = "Max-Age=" digits / "Expires=" date / "Path=" path / "Secure" / anything
//! ```

use std::time::Duration;

use crate::http::{Date, Fields};
use crate::time::Tick;

/// The cookies of one host.
#[derive(Debug, Default)]
pub(super) struct Jar {
    /// Bounded by [`MOST`] and [`BYTES`].
    cookies: Vec<Kept>,
}

struct Kept {
    name: Box<str>,
    value: Box<str>,
    path: Box<str>,
    secure: bool,
    until: Tick,
}

/// Cookies of one host.
const MOST: usize = 64;

/// Bytes of all names and values.
const BYTES: usize = 8 * 1024;

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

impl Jar {
    /// Takes the cookies of an answer. There is no clock here: what an `Expires` is compared with is the
    /// `Date` of the same answer.
    pub(super) fn take(&mut self, now: Tick, fields: &Fields<'_>) {
        let date = fields.get("date").and_then(|date| Date::seconds(&date));
        fields.each(&mut |name, value| {
            if name.eq_ignore_ascii_case("set-cookie")
                && let Ok(text) = std::str::from_utf8(value)
            {
                self.set(now, date, text);
            }
        });
    }

    fn set(&mut self, now: Tick, date: Option<u64>, text: &str) {
        let mut parts = text.split(';').map(str::trim_ascii);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let (name, value) = (name.trim_ascii(), value.trim_ascii());
        let (mut path, mut secure) = ("/", false);
        let (mut expires, mut age) = (None, None);
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key {
                _ if key.eq_ignore_ascii_case("max-age") => age = Some(seconds(value)),
                _ if key.eq_ignore_ascii_case("expires") => expires = Some(left(value, date)),
                _ if key.eq_ignore_ascii_case("path") && value.starts_with('/') => path = value,
                _ if key.eq_ignore_ascii_case("secure") => secure = true,
                _ => {}
            }
        }
        self.cookies.retain(|kept| &*kept.name != name || &*kept.path != path);
        let left = age.or(expires);
        let bytes: usize = self.cookies.iter().map(|kept| kept.name.len() + kept.value.len()).sum();
        let fits = self.cookies.len() < MOST && bytes + name.len() + value.len() <= BYTES;
        if name.is_empty() || left == Some(Duration::ZERO) || !fits || path.len() > BYTES / 8 {
            return;
        }
        let until = left.map_or(Tick::NEVER, |left| now.after(left));
        let (name, value, path) = (name.into(), value.into(), path.into());
        self.cookies.push(Kept { name, value, path, secure, until });
    }

    /// The value of the field `Cookie` of a request, if there is something to return.
    pub(super) fn field(&mut self, now: Tick, path: &str, secure: bool) -> Option<String> {
        self.cookies.retain(|kept| kept.until > now);
        let fits = |kept: &&Kept| (secure || !kept.secure) && is_below(path, &kept.path);
        let pairs = self.cookies.iter().filter(fits);
        let pairs: Vec<_> = pairs.map(|kept| format!("{}={}", kept.name, kept.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// RFC 6265 §5.1.4.
fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || folder.ends_with('/') || rest.starts_with('/'))
}

/// The value of `Max-Age`: what is no positive number deletes the cookie.
fn seconds(value: &str) -> Duration {
    Duration::from_secs(value.parse().unwrap_or(0))
}

/// The time until a date; a date that is none deletes the cookie. An answer without `Date` can only be
/// compared with the epoch, before which a cookie is deleted.
fn left(value: &str, date: Option<u64>) -> Duration {
    match (Date::seconds(value), date) {
        (None | Some(0), _) => Duration::ZERO,
        (Some(until), Some(date)) => Duration::from_secs(until.saturating_sub(date)),
        (Some(_), None) => Duration::from_secs(u64::from(u32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str]) -> Option<String> {
        let mut jar = Jar::default();
        for line in lines {
            let fields = [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("set-cookie", line)];
            jar.take(Tick::START, &Fields::host(&fields));
        }
        jar.field(Tick::START.after(Duration::from_secs(10)), "/socket.io/", false)
    }

    #[test]
    fn c95_cookies_are_returned_until_they_expire() {
        for (lines, field) in [
            (&["a=1", "b=2; Path=/; HttpOnly; SameSite=Lax"][..], Some("a=1; b=2")),
            (&["a=1", "a=2"], Some("a=2")),
            (&["a=1; Path=/socket.io", "b=2; Path=/other", "c=3; Secure"], Some("a=1")),
            (&["a=1; Max-Age=11"], Some("a=1")),
            (&["a=1; Max-Age=10"], None),
            (&["a=1; Expires=Sun, 06 Nov 1994 08:49:48 GMT"], Some("a=1")),
            (&["a=1; Expires=Sun, 06 Nov 1994 08:49:47 GMT"], None),
            (&["a=x=y; Max-Age=99; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], Some("a=x=y")),
            (&["", "=", "a", ";", "=x"], None),
        ] {
            assert_eq!(after(lines).as_deref(), field, "{lines:?}");
        }
    }

    /// G4, engine.io-client 6.6.8.
    #[test]
    fn g04_a_cookie_without_a_future_is_deleted() {
        for end in [
            "Max-Age=0",
            "Max-Age=-1",
            "Max-Age=x",
            "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "Expires=yesterday",
            "Expires=",
        ] {
            assert_eq!(
                after(&["a=1", "b=2", &format!("a=1; {end}")]).as_deref(),
                Some("b=2"),
                "{end}"
            );
        }
    }

    #[test]
    fn c95_a_server_cannot_fill_the_jar() {
        let many: Vec<String> = (0..1000).map(|n| format!("c{n}=1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(after(&many).expect("some").split("; ").count(), MOST);
        assert_eq!(after(&[&format!("a={}", "x".repeat(BYTES))]), None);
    }
}
