//! Ids of clients as they are shown.

use sansocket::{Id, NodeName};
use std::borrow::Cow;

/// The text by which a client is known in its namespace.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum Shown {
    /// The id itself.
    Id(Id),
    /// The namespace, the name of the node and the id, of a client of Socket.IO 2.
    Text(Box<str>),
}

const _: () = assert!(size_of::<Shown>() <= 24, "every client has one");

impl Shown {
    pub(crate) fn of(id: Id, namespace: &str, node: Option<&NodeName>) -> Self {
        match id.text_in(namespace, node) {
            Cow::Borrowed(_) => Self::Id(id),
            Cow::Owned(text) => Self::Text(text.into()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Text(text) => text,
        }
    }
}
