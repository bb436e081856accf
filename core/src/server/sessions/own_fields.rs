//! Header fields that a host gave for the answer to one request.

use std::collections::HashMap;

use crate::config::accepts_header;
use crate::hash::Seeded;
use crate::http::Response;
use crate::link::Link;
use crate::slack::Slack as _;

/// The fields of answers that are not given yet, by the link of the request: a poll that is held, or a POST whose
/// body is not here. Bounded by the number of links.
#[derive(Debug)]
pub(in crate::server) struct OwnFields(HashMap<Link, Vec<(String, String)>, Seeded>);

impl OwnFields {
    pub(super) fn new(hasher: Seeded) -> Self {
        Self(HashMap::with_hasher(hasher))
    }

    /// Keeps fields for the answer to a request.
    pub(in crate::server) fn keep(&mut self, link: Link, fields: &[(String, String)]) {
        if !fields.is_empty() {
            self.0.insert(link, fields.to_vec());
        }
    }

    /// Takes the fields that are kept.
    #[inline]
    pub(in crate::server) fn take(&mut self, link: Link) -> Vec<(String, String)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let fields = self.0.remove(&link);
        self.0.tighten();
        fields.unwrap_or_default()
    }

    #[cfg(feature = "fuzz")]
    pub(in crate::server) fn links(&self) -> impl Iterator<Item = Link> {
        self.0.keys().copied()
    }
}

impl Response {
    /// Adds the fields that a host gave for it, except those that it has already and those that are not a
    /// host's to set. A cookie never takes the place of another one.
    #[inline]
    pub(in crate::server) fn dress_for(&mut self, fields: &[(String, String)]) {
        for (name, value) in fields {
            let is_new = name.eq_ignore_ascii_case("set-cookie")
                || !self.headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name));
            if is_new && accepts_header(name, value) {
                self.headers.push((name.clone().into(), value.clone().into()));
            }
        }
    }
}
