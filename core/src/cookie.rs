//! The cookie that carries the session id (RFC 6265 §4.1).

use std::fmt::Write as _;
use std::time::Duration;

/// The cookie that an opening answer sets to the session id.
///
/// Its attributes are as the JavaScript server has them: `io=…; Path=/; HttpOnly; SameSite=Lax`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Cookie {
    /// Its name. Default `io`.
    pub name: String,
    /// Paths it is sent back for. Default `/`.
    pub path: String,
    /// Hosts it is sent back to, with their subdomains. Default only the one that set it.
    pub domain: Option<String>,
    /// Time it is kept. Default until the browser closes.
    pub max_age: Option<Duration>,
    /// Whether scripts of the page are kept from reading it. Default yes.
    pub http_only: bool,
    /// Which requests of other sites it goes along with. Default [`SameSite::Lax`].
    pub same_site: SameSite,
    /// Whether it is kept from plain connections even when it was set by one. Default no: it is kept
    /// from them when the handshake came encrypted.
    pub secure: bool,
}

/// Which requests of other sites a cookie goes along with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SameSite {
    /// Those that open a page.
    #[default]
    Lax,
    /// All of them; browsers want the cookie to be `Secure` for that.
    None,
    /// None of them.
    Strict,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "io".into(),
            path: "/".into(),
            domain: None,
            max_age: None,
            http_only: true,
            same_site: SameSite::Lax,
            secure: false,
        }
    }
}

impl Cookie {
    /// Makes a cookie of that name and the usual attributes.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The value of the `Set-Cookie` field.
    pub(crate) fn line(&self, sid: &str, secure: bool) -> String {
        let mut line = format!("{}={sid}; Path={}", self.name, self.path);
        if let Some(domain) = &self.domain {
            line.extend(["; Domain=", domain]);
        }
        if let Some(age) = self.max_age {
            let written = write!(line, "; Max-Age={}", age.as_secs());
            debug_assert!(written.is_ok(), "a String takes every write");
        }
        if self.http_only {
            line.push_str("; HttpOnly");
        }
        line.push_str(match self.same_site {
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
            SameSite::Strict => "; SameSite=Strict",
        });
        if self.secure || secure {
            line.push_str("; Secure");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_are_those_of_the_javascript_server() {
        let line = Cookie::default().line("abc", false);
        assert_eq!(line, "io=abc; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn every_attribute_is_written() {
        let cookie = Cookie {
            path: "/chat".into(),
            domain: Some("a.example".into()),
            max_age: Some(Duration::from_millis(61_900)),
            http_only: false,
            same_site: SameSite::None,
            ..Cookie::named("sid")
        };
        assert_eq!(
            cookie.line("x", true),
            "sid=x; Path=/chat; Domain=a.example; Max-Age=61; SameSite=None; Secure"
        );
    }
}
