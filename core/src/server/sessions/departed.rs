//! Sessions that their clients closed while a poll may have been on its way.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::error::Reason;
use crate::server::Server;
use crate::server::sessions::own_sid::is_same;
use crate::server::sessions::session::Goodbye;
use crate::time::Tick;

/// The ids of sessions that ended with a CLOSE by POST while no poll was held.
///
/// A client that polls and closes at once does so on two connections, and either may be read first. A
/// poll that is read before the CLOSE is held and released by it with NOOP; so one that is read after it
/// is released with NOOP too, once and for a short time. Later ones find no session.
#[derive(Default)]
pub(in crate::server) struct Departed {
    /// When each ended, oldest first. Bounded by [`MOST`]: the oldest makes room.
    sids: VecDeque<(Tick, Box<str>)>,
}

/// Sessions that are remembered.
pub(in crate::server) const MOST: usize = 64;

/// How long a session is remembered. Requests that were sent at once are read within milliseconds, but
/// on a busy machine a thread may wait for its turn.
const TIME: Duration = Duration::from_secs(1);

impl Departed {
    fn remember(&mut self, now: Tick, sid: String) {
        self.expire(now);
        if self.sids.len() == MOST {
            self.sids.pop_front();
        }
        self.sids.push_back((now, sid.into()));
    }

    /// Forgets a session; says whether it was remembered.
    pub(in crate::server) fn take(&mut self, now: Tick, sid: &str) -> bool {
        self.expire(now);
        let found = self.sids.iter().position(|(_, own)| is_same(own.as_bytes(), sid.as_bytes()));
        found.is_some_and(|at| self.sids.remove(at).is_some())
    }

    /// Forgets sessions that ended long ago.
    pub(in crate::server) fn expire(&mut self, now: Tick) {
        while self.sids.front().is_some_and(|(ended, _)| ended.is_over(now, TIME)) {
            self.sids.pop_front();
        }
    }

    /// The ids of the sessions that are remembered.
    #[cfg(feature = "fuzz")]
    pub(in crate::server) fn sids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sids.iter().map(|(_, sid)| &**sid)
    }
}

impl fmt::Debug for Departed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Departed({} hidden)", self.sids.len())
    }
}

impl Server {
    /// Ends a session that its client closed.
    pub(super) fn depart(&mut self, now: Tick, slot: u32) {
        let session = self.sessions.at(slot);
        if session.is_some_and(|session| session.transport.awaits_poll())
            && let Some(sid) = self.sessions.sid(slot)
        {
            self.sessions.departed.remember(now, sid);
        }
        self.end(slot, Reason::TransportClose, Goodbye::CLIENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_remembered_as_fit_and_the_oldest_makes_room() {
        let mut departed = Departed::default();
        let sid = |n: usize| format!("sid {n}");
        (0..MOST).for_each(|n| departed.remember(Tick::default(), sid(n)));
        assert!(departed.take(Tick::default(), &sid(0)), "at the limit the first is remembered");
        assert!(!departed.take(Tick::default(), &sid(0)), "once");
        (MOST..=MOST + 1).for_each(|n| departed.remember(Tick::default(), sid(n)));
        assert_eq!(departed.sids.len(), MOST);
        assert!(!departed.take(Tick::default(), &sid(1)), "one beyond it is not");
        assert!((2..=MOST + 1).all(|n| departed.take(Tick::default(), &sid(n))));
        assert_eq!(departed.sids.len(), 0);
    }
}
