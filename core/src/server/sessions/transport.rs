//! All transport states of a session and all their transitions (engine.io-protocol v4, "Transports"
//! and "Upgrade"). Nothing here knows what travels; a WebTransport stream is a WebSocket here.
//!
//! ```text
//! Polling ──WebSocket opens──► Probing ──"5" after "3probe"──► WebSocket
//!    ▲                            │
//!    └── probe lost or too slow ──┘         any ──server closes──► Closing…
//! ```
//!
//! | state | a poll is held | a POST is in progress |
//! |---|---|---|
//! | `Polling` | perhaps | perhaps |
//! | `Probing`, opened or asked | perhaps | perhaps |
//! | `Probing`, answered | until the WebSocket was looked at for `5` | perhaps |
//! | `WebSocket`, `ClosingWebSocket` | never | never |
//! | `ClosingPolling` | until it is answered | never |

use crate::link::Link;

/// What carries a session now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Transport {
    /// Long-polling, with the requests being served.
    Polling { get: Option<Link>, post: Option<Link> },
    /// Long-polling while a WebSocket is being tried.
    Probing { get: Option<Link>, post: Option<Link>, ws: Link, probe: Probe },
    /// WebSocket.
    WebSocket { ws: Link },
    /// The server closes; the last packets and the news wait for a poll.
    ClosingPolling { get: Option<Link> },
    /// The server closes; the last packets and the news wait for the WebSocket to be writable.
    ClosingWebSocket { ws: Link },
}

/// How far a probe got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Probe {
    /// The WebSocket is open.
    Opened,
    /// `2probe` came; `3probe` is to be sent.
    Asked,
    /// `3probe` is sent. From here on packets wait for `5`, and so do polls while it may lie unread.
    Answered,
}

/// What a poll means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum OnGet {
    /// It waits for packets.
    Held,
    /// It may have crossed the end of the upgrade, which may lie unread on this WebSocket: it waits until
    /// that was looked at. It gets no packets, so that the client can finish the upgrade.
    Crossing { ws: Link },
    /// It overlaps another: the session ends.
    Overlap,
    /// The session is not polling.
    Mismatch,
}

/// What a POST means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum OnPost {
    Taken,
    Overlap,
    Mismatch,
}

/// What the opening of a WebSocket means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum OnProbe {
    Started,
    /// The session has one already, or is closing: the newcomer is closed, nothing else happens.
    Spare,
}

/// What the end of a link means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum OnGone {
    /// A request was aborted: the session ends.
    Aborted,
    /// The WebSocket closed: the session ends.
    Closed,
    /// A probe failed: the session goes on polling.
    ProbeLost,
    /// The client left before it heard that the session closes: it is over.
    Over,
    /// The link carried nothing.
    Nothing,
}

impl Transport {
    pub(in crate::server) fn on_get(self, link: Link) -> (Self, OnGet) {
        match self {
            Self::Polling { get: None, post } => {
                (Self::Polling { get: Some(link), post }, OnGet::Held)
            }
            Self::Probing { probe: probe @ Probe::Answered, get: None, post, ws } => {
                (Self::Probing { get: Some(link), post, ws, probe }, OnGet::Crossing { ws })
            }
            Self::Probing { get: None, post, ws, probe } => {
                (Self::Probing { get: Some(link), post, ws, probe }, OnGet::Held)
            }
            Self::ClosingPolling { get: None } => {
                (Self::ClosingPolling { get: Some(link) }, OnGet::Held)
            }
            Self::Polling { get: Some(_), .. }
            | Self::Probing { get: Some(_), .. }
            | Self::ClosingPolling { get: Some(_) } => (self, OnGet::Overlap),
            Self::WebSocket { .. } | Self::ClosingWebSocket { .. } => (self, OnGet::Mismatch),
        }
    }

    pub(in crate::server) fn on_post(self, link: Link) -> (Self, OnPost) {
        match self {
            Self::Polling { get, post: None } => {
                (Self::Polling { get, post: Some(link) }, OnPost::Taken)
            }
            Self::Probing { get, post: None, ws, probe } => {
                (Self::Probing { get, post: Some(link), ws, probe }, OnPost::Taken)
            }
            Self::Polling { post: Some(_), .. } | Self::Probing { post: Some(_), .. } => {
                (self, OnPost::Overlap)
            }
            Self::WebSocket { .. }
            | Self::ClosingPolling { .. }
            | Self::ClosingWebSocket { .. } => (self, OnPost::Mismatch),
        }
    }

    /// A WebSocket opened for this session.
    pub(super) fn on_websocket(self, ws: Link) -> (Self, OnProbe) {
        match self {
            Self::Polling { get, post } => {
                (Self::Probing { get, post, ws, probe: Probe::Opened }, OnProbe::Started)
            }
            Self::Probing { .. }
            | Self::WebSocket { .. }
            | Self::ClosingPolling { .. }
            | Self::ClosingWebSocket { .. } => (self, OnProbe::Spare),
        }
    }

    /// `2probe` came on `ws`; `None` when it is not the time for it.
    pub(super) fn on_probe(self) -> Option<Self> {
        match self {
            Self::Probing { get, post, ws, probe: Probe::Opened } => {
                Some(Self::Probing { get, post, ws, probe: Probe::Asked })
            }
            Self::Probing { probe: Probe::Asked | Probe::Answered, .. }
            | Self::Polling { .. }
            | Self::WebSocket { .. }
            | Self::ClosingPolling { .. }
            | Self::ClosingWebSocket { .. } => None,
        }
    }

    /// `3probe` was sent: the poll that waits is handed back to be released.
    pub(super) fn on_probe_answered(self) -> (Self, Option<Link>) {
        match self {
            Self::Probing { get, post, ws, probe: Probe::Opened | Probe::Asked } => {
                (Self::Probing { get: None, post, ws, probe: Probe::Answered }, get)
            }
            Self::Probing { probe: Probe::Answered, .. }
            | Self::Polling { .. }
            | Self::WebSocket { .. }
            | Self::ClosingPolling { .. }
            | Self::ClosingWebSocket { .. } => (self, None),
        }
    }

    /// The WebSocket under `link` was looked at and had nothing to say: a poll that waited for that is
    /// handed back to be released.
    pub(super) fn on_quiet(self, link: Link) -> (Self, Option<Link>) {
        match self {
            Self::Probing { get, post, ws, probe: probe @ Probe::Answered } if ws == link => {
                (Self::Probing { get: None, post, ws, probe }, get)
            }
            Self::Probing { .. }
            | Self::Polling { .. }
            | Self::WebSocket { .. }
            | Self::ClosingPolling { .. }
            | Self::ClosingWebSocket { .. } => (self, None),
        }
    }

    /// `5` came on the WebSocket; `None` when it is not the time for it. A poll that came after it was
    /// sent, and a POST still in progress, are handed back to be refused.
    pub(super) fn on_upgrade(self) -> Option<(Self, [Option<Link>; 2])> {
        match self {
            Self::Probing { get, post, ws, probe: Probe::Answered } => {
                Some((Self::WebSocket { ws }, [get, post]))
            }
            Self::Probing { probe: Probe::Opened | Probe::Asked, .. }
            | Self::Polling { .. }
            | Self::WebSocket { .. }
            | Self::ClosingPolling { .. }
            | Self::ClosingWebSocket { .. } => None,
        }
    }

    /// The probe is given up; its WebSocket is handed back to be closed.
    pub(super) fn on_probe_failed(self) -> (Self, Option<Link>) {
        match self {
            Self::Probing { get, post, ws, .. } => (Self::Polling { get, post }, Some(ws)),
            Self::Polling { .. }
            | Self::WebSocket { .. }
            | Self::ClosingPolling { .. }
            | Self::ClosingWebSocket { .. } => (self, None),
        }
    }

    /// The request under `link` is answered.
    pub(in crate::server) fn on_answered(self, link: Link) -> Self {
        let unless = |held: Option<Link>| held.filter(|&held| held != link);
        match self {
            Self::Polling { get, post } => Self::Polling { get: unless(get), post: unless(post) },
            Self::Probing { get, post, ws, probe } => {
                Self::Probing { get: unless(get), post: unless(post), ws, probe }
            }
            Self::ClosingPolling { get } => Self::ClosingPolling { get: unless(get) },
            Self::WebSocket { .. } | Self::ClosingWebSocket { .. } => self,
        }
    }

    /// The stream under `link` is gone.
    pub(super) fn on_gone(self, link: Link) -> (Self, OnGone) {
        match self {
            Self::Polling { get, post } if get == Some(link) || post == Some(link) => {
                (self, OnGone::Aborted)
            }
            Self::Probing { get, post, .. } if get == Some(link) || post == Some(link) => {
                (self, OnGone::Aborted)
            }
            Self::Probing { get, post, ws, .. } if ws == link => {
                (Self::Polling { get, post }, OnGone::ProbeLost)
            }
            Self::WebSocket { ws } if ws == link => (self, OnGone::Closed),
            Self::ClosingWebSocket { ws } if ws == link => (self, OnGone::Over),
            Self::ClosingPolling { get } if get == Some(link) => (self, OnGone::Over),
            Self::Polling { .. }
            | Self::Probing { .. }
            | Self::WebSocket { .. }
            | Self::ClosingPolling { .. }
            | Self::ClosingWebSocket { .. } => (self, OnGone::Nothing),
        }
    }

    /// The server closes the session gracefully; a probe and a POST are handed back to be ended.
    pub(super) fn on_closing(self) -> (Self, [Option<Link>; 2]) {
        match self {
            Self::Polling { get, post } => (Self::ClosingPolling { get }, [post, None]),
            Self::Probing { get, post, ws, .. } => (Self::ClosingPolling { get }, [post, Some(ws)]),
            Self::WebSocket { ws } => (Self::ClosingWebSocket { ws }, [None, None]),
            Self::ClosingPolling { .. } | Self::ClosingWebSocket { .. } => (self, [None, None]),
        }
    }

    /// The link on which packets can leave now.
    pub(super) fn carrier(self) -> Option<Link> {
        match self {
            Self::Polling { get, .. } | Self::ClosingPolling { get } => get,
            Self::Probing { probe: Probe::Answered, .. } => None,
            Self::Probing { get, .. } => get,
            Self::WebSocket { ws } | Self::ClosingWebSocket { ws } => Some(ws),
        }
    }

    /// The links on which the peer may have said something that was not read yet, in the order in which
    /// they are looked at.
    pub(super) fn ears(self) -> [Option<Link>; 2] {
        match self {
            Self::Polling { post, .. } => [post, None],
            Self::Probing { post, ws, .. } => [post, Some(ws)],
            Self::WebSocket { ws } => [Some(ws), None],
            // Messages of the client are dropped while the server closes the session.
            Self::ClosingPolling { .. } | Self::ClosingWebSocket { .. } => [None, None],
        }
    }

    /// Whether the client may have a poll on its way: it polls, and none is held.
    pub(super) fn awaits_poll(self) -> bool {
        match self {
            Self::Polling { get, .. } | Self::Probing { get, .. } => get.is_none(),
            Self::WebSocket { .. }
            | Self::ClosingPolling { .. }
            | Self::ClosingWebSocket { .. } => false,
        }
    }

    pub(super) fn is_closing(self) -> bool {
        match self {
            Self::ClosingPolling { .. } | Self::ClosingWebSocket { .. } => true,
            Self::Polling { .. } | Self::Probing { .. } | Self::WebSocket { .. } => false,
        }
    }

    /// Whether messages travel by WebSocket.
    pub(in crate::server) fn is_websocket(self) -> bool {
        match self {
            Self::WebSocket { .. } | Self::ClosingWebSocket { .. } => true,
            Self::Polling { .. } | Self::Probing { .. } | Self::ClosingPolling { .. } => false,
        }
    }

    /// Whether `link` is a WebSocket that is only being tried.
    pub(super) fn is_probe(self, link: Link) -> bool {
        matches!(self, Self::Probing { ws, .. } if ws == link)
    }

    /// Every link the session holds: poll, POST, WebSocket.
    pub(in crate::server) fn links(self) -> [Option<Link>; 3] {
        match self {
            Self::Polling { get, post } => [get, post, None],
            Self::Probing { get, post, ws, .. } => [get, post, Some(ws)],
            Self::WebSocket { ws } | Self::ClosingWebSocket { ws } => [None, None, Some(ws)],
            Self::ClosingPolling { get } => [get, None, None],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Slab;
    use std::collections::HashSet;

    /// Applies every input to every state that can be reached from a fresh polling session, and
    /// returns all states seen.
    fn reachable() -> Vec<Transport> {
        let mut slab = Slab::new();
        let [get, post, ws, other] = [(); 4].map(|()| Link(slab.insert(|_| ())));
        let mut seen = vec![Transport::Polling { get: None, post: None }];
        let mut next = 0;
        while let Some(&state) = seen.get(next) {
            next += 1;
            let after = [
                state.on_get(get).0,
                state.on_post(post).0,
                state.on_websocket(ws).0,
                state.on_probe().unwrap_or(state),
                state.on_probe_answered().0,
                state.on_quiet(ws).0,
                state.on_upgrade().map_or(state, |(state, _)| state),
                state.on_probe_failed().0,
                state.on_answered(get),
                state.on_answered(post),
                state.on_gone(ws).0,
                state.on_gone(other).0,
                state.on_closing().0,
            ];
            for state in after {
                if !seen.contains(&state) {
                    seen.push(state);
                }
            }
        }
        seen
    }

    #[test]
    fn the_reachable_states_are_finite_and_all_kinds_occur() {
        let states = reachable();
        assert!(states.len() <= 24, "{states:#?}");
        let kinds: HashSet<_, std::hash::BuildHasherDefault<std::hash::DefaultHasher>> =
            states.iter().map(std::mem::discriminant).collect();
        assert_eq!(kinds.len(), 5);
    }

    #[test]
    fn no_transition_drops_a_link_without_handing_it_back() {
        for state in reachable() {
            let quiet = state.ears()[1].map_or((state, None), |ws| state.on_quiet(ws));
            let before: Vec<Link> = state.links().into_iter().flatten().collect();
            let outcomes = [
                (state.on_probe_answered().0, state.on_probe_answered().1, None),
                (state.on_probe_failed().0, state.on_probe_failed().1, None),
                (state.on_closing().0, state.on_closing().1[0], state.on_closing().1[1]),
                (quiet.0, quiet.1, None),
                state.on_upgrade().map_or((state, None, None), |(next, [a, b])| (next, a, b)),
            ];
            for (next, a, b) in outcomes {
                let after: Vec<Link> = next.links().into_iter().chain([a, b]).flatten().collect();
                assert!(before.iter().all(|link| after.contains(link)), "{state:?} -> {next:?}");
            }
        }
    }

    #[test]
    fn an_upgrade_needs_an_answered_probe() {
        for state in reachable() {
            let answered = matches!(state, Transport::Probing { probe: Probe::Answered, .. });
            assert_eq!(state.on_upgrade().is_some(), answered, "{state:?}");
        }
    }

    #[test]
    fn packets_wait_between_the_answer_and_the_upgrade() {
        for state in reachable() {
            if matches!(state, Transport::Probing { probe: Probe::Answered, .. }) {
                assert_eq!(state.carrier(), None);
            }
        }
    }
}
