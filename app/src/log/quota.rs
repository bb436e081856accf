//! How many lines clients may cause.
//!
//! A line costs more than the event that causes it. So of each kind a client gets a few lines within
//! a window of time, and all clients together get some more. What is left out is counted, and told in
//! one line when the window is over.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{log, stderr, through};
use crate::time::{Micros, NEVER};

/// The length of a window: ten seconds.
pub(crate) const WINDOW: Micros = 10_000_000;

/// Lines of one kind that one address may cause within a window.
pub(crate) const OF_ONE: u64 = 8;

/// Lines of one kind that all clients together may cause within a window.
pub(crate) const OF_ALL: u64 = 64;

/// The kinds of lines that mistakes of clients cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Site {
    /// A client was not let into a namespace.
    Denied,
    /// A handler failed.
    Error,
    /// An event has no handler.
    NoHandler,
    /// A request was refused.
    Refused,
}

/// The lines of all kinds in their windows.
#[derive(Debug)]
pub(crate) struct Quota {
    windows: Mutex<[Window; 4]>,
    /// When the first window ends in which something was left out.
    due: AtomicU64,
}

/// What was logged of one kind lately.
#[derive(Debug, Default)]
struct Window {
    end: Micros,
    lines: u64,
    left_out: u64,
    /// The addresses that caused lines: [`OF_ALL`] at most.
    peers: Vec<Tally>,
}

#[derive(Debug)]
struct Tally {
    peer: IpAddr,
    lines: u64,
    left_out: u64,
}

/// What a window left out.
#[derive(Debug, Eq, PartialEq)]
struct LeftOut {
    site: Site,
    lines: u64,
    /// The address that caused most of them, and how many.
    most: Option<(IpAddr, u64)>,
}

impl Default for Quota {
    fn default() -> Self {
        Self { windows: Mutex::default(), due: AtomicU64::new(NEVER) }
    }
}

impl Quota {
    /// Whether a client at `peer` may cause a line now; without an address it is one of all.
    #[cold]
    pub(crate) fn admits(&self, site: Site, peer: Option<IpAddr>, now: Micros) -> bool {
        let (admitted, left_out) = self.admit(site, peer, now);
        if let Some(left_out) = left_out {
            left_out.log();
        }
        admitted
    }

    /// Logs how many lines were left out in windows that are over.
    pub(crate) fn log_left_out(&self, now: Micros) {
        self.close(now).iter().for_each(LeftOut::log);
    }

    fn admit(&self, site: Site, peer: Option<IpAddr>, now: Micros) -> (bool, Option<LeftOut>) {
        let mut windows = self.lock();
        let window = &mut windows[site as usize];
        let left_out = if window.end <= now { window.renew(site, now) } else { None };
        let admitted = window.admit(peer.map(network));
        if !admitted {
            self.due.fetch_min(window.end, Ordering::AcqRel);
        }
        (admitted, left_out)
    }

    /// When the first window ends in which something was left out.
    pub(crate) fn due(&self) -> Micros {
        self.due.load(Ordering::Acquire)
    }

    /// Ends the windows that are over.
    fn close(&self, now: Micros) -> Vec<LeftOut> {
        if self.due() > now {
            return Vec::new();
        }
        let mut windows = self.lock();
        let all = [Site::Denied, Site::Error, Site::NoHandler, Site::Refused];
        let over = all.into_iter().filter_map(|site| {
            let window = &mut windows[site as usize];
            if window.end <= now { window.renew(site, now) } else { None }
        });
        let over = over.collect();
        let waits = windows.iter().filter(|window| window.left_out > 0).map(|window| window.end);
        self.due.store(waits.min().unwrap_or(NEVER), Ordering::Release);
        over
    }

    fn lock(&self) -> MutexGuard<'_, [Window; 4]> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// Begins anew, and returns the count of lines left out before.
    fn renew(&mut self, site: Site, now: Micros) -> Option<LeftOut> {
        let before = std::mem::replace(self, Self { end: now + WINDOW, ..Self::default() });
        let most = before.peers.iter().max_by_key(|tally| tally.left_out);
        let most = most.filter(|tally| tally.left_out > 0);
        (before.left_out > 0).then(|| LeftOut {
            site,
            lines: before.left_out,
            most: most.map(|tally| (tally.peer, tally.left_out)),
        })
    }

    fn admit(&mut self, peer: Option<IpAddr>) -> bool {
        let full = self.lines >= OF_ALL;
        let known = peer.and_then(|peer| self.peers.iter_mut().find(|tally| tally.peer == peer));
        match known {
            Some(tally) if full || tally.lines >= OF_ONE => tally.left_out += 1,
            Some(tally) => {
                tally.lines += 1;
                self.lines += 1;
                return true;
            }
            None if full => {}
            None => {
                self.peers.extend(peer.map(|peer| Tally { peer, lines: 1, left_out: 0 }));
                self.lines += 1;
                return true;
            }
        }
        self.left_out += 1;
        false
    }
}

impl LeftOut {
    fn log(&self) {
        let (lines, most) = (self.lines, Most(self.most));
        match self.site {
            Site::Denied => log!(
                debug, "sansocket::connect", left_out = %lines, most = %most, "more refused"
            ),
            Site::Error if !through::is_heard() => {
                stderr::print(format!("… and {lines} more errors of handlers, {most}"));
            }
            Site::Error => log!(
                error, "sansocket::error", left_out = %lines, most = %most,
                "more errors of handlers"
            ),
            Site::NoHandler => log!(
                debug, "sansocket::event", left_out = %lines, most = %most, "no handler for more"
            ),
            Site::Refused => log!(
                info, "sansocket::request", left_out = %lines, most = %most, "more refused"
            ),
        }
    }
}

/// The address that caused most, in words.
struct Most(Option<(IpAddr, u64)>);

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((IpAddr::V6(network), lines)) => write!(f, "{lines} by {network}/64"),
            Some((IpAddr::V4(peer), lines)) => write!(f, "{lines} by {peer}"),
            None => write!(f, "by many"),
        }
    }
}

/// The share an address counts to. The owner of one IPv6 address has its whole network.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(peer) => Ipv6Addr::from_bits(peer.to_bits() & u128::MAX << 64).into(),
        peer @ IpAddr::V4(_) => peer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, 6));

    /// How many of so many lines are admitted.
    fn admitted(quota: &Quota, peer: Option<IpAddr>, lines: u64) -> u64 {
        (0..lines).map(|_| u64::from(quota.admit(Site::Error, peer, 0).0)).sum()
    }

    fn numbered(n: u8) -> Option<IpAddr> {
        Some(IpAddr::from([198, 51, 100, n]))
    }

    #[test]
    fn one_address_has_a_few_lines_and_others_have_theirs() {
        let quota = Quota::default();
        assert_eq!(admitted(&quota, Some(ANN), OF_ONE), OF_ONE);
        assert_eq!(quota.due(), NEVER);
        assert_eq!(admitted(&quota, Some(ANN), 1), 0);
        assert_eq!(quota.due(), WINDOW);
        // The same network.
        assert_eq!(admitted(&quota, Some("2001:db8:1:2::9".parse().unwrap()), 1), 0);
        assert_eq!(admitted(&quota, Some("2001:db8:1:3::9".parse().unwrap()), 1), 1);
        assert_eq!(admitted(&quota, numbered(1), OF_ONE + 1), OF_ONE);
        let mapped = "::ffff:198.51.100.1".parse().unwrap();
        assert_eq!(admitted(&quota, Some(mapped), 1), 0);
        assert!(quota.admit(Site::Refused, Some(ANN), 0).0, "each kind has its own");
    }

    #[test]
    fn all_addresses_together_have_some_lines_and_are_not_remembered_beyond() {
        let quota = Quota::default();
        let lines: u64 = (0..=255).map(|n| admitted(&quota, numbered(n), 1)).sum();
        assert_eq!(lines, OF_ALL);
        assert_eq!(quota.lock()[Site::Error as usize].peers.len() as u64, OF_ALL);
        assert_eq!(admitted(&quota, None, 1), 0);
        let quota = Quota::default();
        assert_eq!(admitted(&quota, None, OF_ALL + 1), OF_ALL);
    }

    #[test]
    fn what_was_left_out_is_told_once_when_the_window_is_over() {
        let quota = Quota::default();
        admitted(&quota, Some(ANN), OF_ONE + 512);
        admitted(&quota, numbered(1), OF_ONE + 3);
        assert_eq!(quota.close(WINDOW - 1), []);
        let left_out = LeftOut { site: Site::Error, lines: 515, most: Some((network(ANN), 512)) };
        assert_eq!(Most(left_out.most).to_string(), "512 by 2001:db8:1:2::/64");
        assert_eq!(quota.close(WINDOW), [left_out]);
        assert_eq!((quota.close(2 * WINDOW).len(), quota.due()), (0, NEVER));
    }

    #[test]
    fn a_clock_that_looks_late_loses_no_count() {
        let quota = Quota::default();
        admitted(&quota, None, OF_ALL + 7);
        let (admitted, left_out) = quota.admit(Site::Error, None, WINDOW);
        assert_eq!((admitted, left_out.map(|left_out| left_out.lines)), (true, Some(7)));
        assert_eq!((quota.close(WINDOW).len(), quota.due()), (0, NEVER));
    }
}
