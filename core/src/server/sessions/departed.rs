//! Sessions that their clients closed while a poll may have been on its way.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::engine::terms::Revision;
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
    /// Oldest first. Bounded by [`MOST`]: the oldest makes room.
    sids: VecDeque<Ended>,
}

/// A session that ended.
struct Ended {
    at: Tick,
    revision: Revision,
    sid: Box<str>,
}

/// Sessions that are remembered.
pub(in crate::server) const MOST: usize = 64;

/// How long a session is remembered. Requests that were sent at once are read within milliseconds, but
/// on a busy machine a thread may wait for its turn.
const TIME: Duration = Duration::from_secs(1);

impl Departed {
    fn remember(&mut self, now: Tick, revision: Revision, sid: String) {
        self.expire(now);
        if self.sids.len() == MOST {
            self.sids.pop_front();
        }
        self.sids.push_back(Ended { at: now, revision, sid: sid.into() });
    }

    /// Forgets a session and returns its revision, when it was remembered and the revision is that of
    /// `number`.
    pub(in crate::server) fn take(
        &mut self,
        now: Tick,
        sid: &str,
        number: Option<u8>,
    ) -> Option<Revision> {
        self.expire(now);
        let is_meant = |ended: &Ended| {
            is_same(ended.sid.as_bytes(), sid.as_bytes()) && number == Some(ended.revision.number())
        };
        let at = self.sids.iter().position(is_meant)?;
        self.sids.remove(at).map(|ended| ended.revision)
    }

    /// Forgets the session of an id that another one gets now.
    pub(in crate::server) fn forget(&mut self, sid: &str) {
        self.sids.retain(|ended| !is_same(ended.sid.as_bytes(), sid.as_bytes()));
    }

    /// Forgets sessions that ended long ago.
    pub(in crate::server) fn expire(&mut self, now: Tick) {
        while self.sids.front().is_some_and(|ended| ended.at.is_over(now, TIME)) {
            self.sids.pop_front();
        }
    }

    /// The ids of the sessions that are remembered.
    #[cfg(feature = "fuzz")]
    pub(in crate::server) fn sids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sids.iter().map(|ended| &*ended.sid)
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
        if let Some(session) = self.sessions.at(slot).filter(|s| s.transport.awaits_poll())
            && let revision = session.terms.revision
            && let Some(sid) = self.sessions.sid(slot)
        {
            self.sessions.departed.remember(now, revision, sid);
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
        let remember = |departed: &mut Departed, n| {
            departed.remember(Tick::default(), Revision::V4, sid(n));
        };
        let take = |departed: &mut Departed, n: usize| {
            departed.take(Tick::default(), &sid(n), Some(4)).is_some()
        };
        (0..MOST).for_each(|n| remember(&mut departed, n));
        assert_eq!(departed.take(Tick::default(), &sid(0), Some(3)), None, "of another revision");
        assert!(take(&mut departed, 0), "at the limit the first is remembered");
        assert!(!take(&mut departed, 0), "once");
        (MOST..=MOST + 1).for_each(|n| remember(&mut departed, n));
        assert_eq!(departed.sids.len(), MOST);
        assert!(!take(&mut departed, 1), "one beyond it is not");
        assert!((2..=MOST + 1).all(|n| take(&mut departed, n)));
        assert_eq!(departed.sids.len(), 0);
    }
}
