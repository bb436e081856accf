//! One namespace: whether it is joined, what waits for it.

use std::collections::{BTreeMap, VecDeque};

use super::questions::Pending;
use super::recovery::Memory;
use super::retry::Retried;
use crate::client::queue::Queue;
use crate::key::Key;
use crate::socket::EventMessage;
use crate::time::Tick;

/// One namespace of a client.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Namespace(pub(in crate::client) Key);

/// What shows to the server who joins a namespace.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Auth {
    /// Nothing.
    #[default]
    None,
    /// The application is asked each time, with [`Event::NeedsAuth`](crate::client::Event::NeedsAuth).
    Asked,
    /// The text of a JSON object.
    Value(Box<str>),
}

#[derive(Debug)]
pub(in crate::client) struct Space {
    pub(super) name: Box<str>,
    pub(super) status: Status,
    pub(super) auth: Auth,
    /// The number of the latest request for an auth payload.
    pub(super) asks: u32,
    /// How often it was joined.
    pub(super) visit: u32,
    pub(super) id: Option<Box<str>>,
    pub(super) next_id: u64,
    /// Acknowledgements that are awaited. Bounded by `limits.questions`.
    pub(super) pending: BTreeMap<u64, Pending>,
    /// Events that wait until it is joined. Bounded by `config.offline` and what an outbox may hold.
    pub(super) waiting: Queue,
    /// Events that came before the answer to CONNECT. Bounded by `config.offline`.
    pub(super) early: VecDeque<(EventMessage, Option<u64>)>,
    pub(super) early_bytes: usize,
    /// Whether it was left in this session: what comes before the answer to the next CONNECT may be meant for
    /// the visit before.
    pub(super) left: bool,
    /// Events that are sent one by one. Bounded by `config.offline`.
    pub(super) retried: VecDeque<Retried>,
    pub(super) memory: Option<Box<Memory>>,
}

/// Whether a namespace is joined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Status {
    /// The application does not want it.
    Left,
    /// It is to be joined with the next session.
    Waiting,
    /// The application is asked for the auth payload.
    Authenticating,
    /// CONNECT was sent, and its answer has to come by then.
    Joining { due: Tick },
    /// The same, but the application does not want it any more: it is left when the answer has come, so that no
    /// other answer is taken for that to a later CONNECT.
    Retracting,
    /// It is joined.
    Joined { recovered: bool },
}

impl Status {
    pub(super) fn is_wanted(self) -> bool {
        !matches!(self, Self::Left | Self::Retracting)
    }

    pub(super) fn is_joined(self) -> bool {
        matches!(self, Self::Joined { .. })
    }
}

impl Space {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            status: Status::Left,
            auth: Auth::None,
            asks: 0,
            visit: 0,
            id: None,
            next_id: 0,
            pending: BTreeMap::new(),
            waiting: Queue::default(),
            early: VecDeque::new(),
            early_bytes: 0,
            left: false,
            retried: VecDeque::new(),
            memory: None,
        }
    }

    /// It is joined no more.
    pub(super) fn reset(&mut self, status: Status) {
        self.status = status;
        self.id = None;
        (self.early, self.early_bytes) = (VecDeque::new(), 0);
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Asked => "Asked",
            Self::Value(_) => "Value(hidden)",
        })
    }
}

const _: () = assert!(size_of::<Space>() <= 288, "a process may have many clients");
