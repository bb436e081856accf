//! Which of the addresses of a host answers first (RFC 8305).

use sansocket::client::Fault;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::dial::net::Net;
use crate::runtime::BoxFuture;

/// How long an address has to answer before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses that are tried: a name may have any number.
const ADDRESSES: usize = 16;

/// Opens a stream to whichever address answers first. They are tried one after the other, those of IPv6 and IPv4
/// in turn, each with a head start before the next; an address that fails gives way at once.
pub(super) async fn race<N: Net>(net: &N, addresses: Vec<SocketAddr>) -> Result<N::Stream, Fault> {
    let mut race = Race {
        net,
        waiting: in_turn(addresses),
        running: Vec::new(),
        head_start: None,
        failures: String::new(),
    };
    poll_fn(|context| race.poll(context)).await
}

struct Race<'a, N: Net> {
    net: &'a N,
    waiting: VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, BoxFuture<io::Result<N::Stream>>)>,
    /// Ends when the next address may start.
    head_start: Option<BoxFuture<()>>,
    failures: String,
}

impl<N: Net> Race<'_, N> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<N::Stream, Fault>> {
        loop {
            if let Some(stream) = self.poll_running(context) {
                return Poll::Ready(Ok(stream));
            }
            let held =
                self.head_start.as_mut().is_some_and(|it| it.as_mut().poll(context).is_pending());
            if held && !self.running.is_empty() {
                return Poll::Pending;
            }
            match self.waiting.pop_front() {
                Some(address) => {
                    self.running.push((address, self.net.connect(address)));
                    let more = !self.waiting.is_empty();
                    self.head_start = more.then(|| self.net.sleep(HEAD_START));
                }
                None if self.running.is_empty() => {
                    let failures = std::mem::take(&mut self.failures);
                    return Poll::Ready(Err(Fault::transport(failures)));
                }
                None => return Poll::Pending,
            }
        }
    }

    fn poll_running(&mut self, context: &mut Context<'_>) -> Option<N::Stream> {
        let mut opened = None;
        self.running.retain_mut(|(address, connecting)| {
            if opened.is_some() {
                return false;
            }
            match connecting.as_mut().poll(context) {
                Poll::Pending => return true,
                Poll::Ready(Ok(stream)) => opened = Some(stream),
                Poll::Ready(Err(error)) => {
                    let comma = if self.failures.is_empty() { "" } else { ", " };
                    self.failures.push_str(&format!("{comma}{address}: {error}"));
                }
            }
            false
        });
        opened
    }
}

/// Puts addresses of IPv6 and IPv4 in turn, IPv6 first; within a family the order stays.
fn in_turn(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let (six, four): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(SocketAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let mut turns = VecDeque::new();
    loop {
        let before = turns.len();
        turns.extend(six.next());
        turns.extend(four.next());
        if turns.len() == before {
            turns.truncate(ADDRESSES);
            return turns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c21_families_take_turns_and_ipv6_begins() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("valid");
        let given = ["1.1.1.1:1", "2.2.2.2:1", "[::1]:1", "3.3.3.3:1"].map(address);
        let turns = in_turn(given.to_vec());
        assert_eq!(turns, ["[::1]:1", "1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1"].map(address));
        assert_eq!(in_turn(vec![given[0]; 99]).len(), ADDRESSES);
    }
}
