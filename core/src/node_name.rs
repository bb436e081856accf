//! The name of a node in the ids of its sessions.

use std::fmt;
use std::str::FromStr;

/// The name of a node, which stands in front of its session ids: 1 to 16 ASCII letters and digits.
///
/// A session id of the node `n2` begins with `n2.`, so that a load balancer, or [another
/// node](crate::Config::elsewhere), sees from a request where its session is. It is no secret. See
/// [`Config::node`](crate::Config::node).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeName {
    /// Zeros follow the name.
    text: [u8; Self::LONGEST],
    length: u8,
}

impl NodeName {
    /// Bytes of the longest name.
    pub const LONGEST: usize = 16;

    /// Takes a name.
    ///
    /// # Errors
    /// [`BadNodeName`] when it is not 1 to 16 ASCII letters and digits.
    pub fn new(name: &str) -> Result<Self, BadNodeName> {
        let length = u8::try_from(name.len()).map_err(|_| BadNodeName)?;
        let mut text = [0; Self::LONGEST];
        let room = text.get_mut(..name.len()).ok_or(BadNodeName)?;
        room.copy_from_slice(name.as_bytes());
        match !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            true => Ok(Self { text, length }),
            false => Err(BadNodeName),
        }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes()).expect("letters and digits are ASCII")
    }

    /// Returns the name in front of a session id, if it has one.
    #[must_use]
    pub fn of_sid(sid: &str) -> Option<Self> {
        let (name, _) = sid.split_once(SEPARATOR)?;
        Self::new(name).ok()
    }

    /// The part of a session id behind this name.
    pub(crate) fn behind<'a>(&self, sid: &'a str) -> Option<&'a str> {
        let rest = sid.as_bytes().strip_prefix(self.bytes())?;
        rest.first().filter(|&&byte| byte == SEPARATOR as u8)?;
        sid.get(self.bytes().len() + 1..)
    }

    /// Appends the name as a session id begins with it.
    pub(crate) fn put(&self, out: &mut String) {
        out.push_str(self.as_str());
        out.push(SEPARATOR);
    }

    fn bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }
}

/// Stands between the name and the rest of a session id. It may stand in a query and in a cookie as it is
/// (RFC 3986 §2.3, RFC 6265 §4.1.1), and no digit of base64url is one.
pub(crate) const SEPARATOR: char = '.';

impl FromStr for NodeName {
    type Err = BadNodeName;

    fn from_str(name: &str) -> Result<Self, BadNodeName> {
        Self::new(name)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeName({self})")
    }
}

/// A text that cannot be the name of a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the name of a node is 1 to 16 ASCII letters and digits")]
pub struct BadNodeName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_to_sixteen_letters_and_digits() {
        for good in ["a", "N2", "0123456789abcdef"] {
            assert_eq!(NodeName::new(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "0123456789abcdefg", "a.b", "a b", "é", "a-b", &"x".repeat(300)] {
            assert_eq!(NodeName::new(bad), Err(BadNodeName), "{bad}");
        }
    }

    #[test]
    fn the_name_in_front_of_a_sid_is_found() {
        let n2 = NodeName::new("n2").expect("it is a name");
        assert_eq!(NodeName::of_sid("n2.AAAA"), Some(n2));
        assert_eq!(n2.behind("n2.AAAA"), Some("AAAA"));
        for other in ["", "n2", "n22.AAAA", "n.AAAA", ".AAAA", "AAAA", "é.AAAA", "n2é"] {
            assert_eq!(n2.behind(other), None, "{other}");
            assert_ne!(NodeName::of_sid(other), Some(n2), "{other}");
        }
    }
}
