use sansocket::cluster::bus::{Format, Payload, Subscription};
use sansocket::cluster::{Command, NodeConfig, Side};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::*;
use crate::{Broker, BrokerError, Link};

/// A broker in the memory of the process that delivers one message, once it is subscribed to.
struct Memory {
    address: &'static str,
    delivers: Option<(&'static str, &'static [u8])>,
    got: Sender<(String, Payload<'static>)>,
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

impl Broker for Memory {
    fn address(&self) -> String {
        self.address.into()
    }

    fn run(&mut self, link: &Link) -> Result<(), BrokerError> {
        link.connected(None);
        let waker = Waker::from(std::sync::Arc::new(Unpark(thread::current())));
        loop {
            match link.poll_next(&mut Context::from_waker(&waker)) {
                Poll::Pending => thread::park(),
                Poll::Ready(None) => return Ok(()),
                Poll::Ready(Some(Command::Subscribe(subscription))) => {
                    link.subscribed(&subscription);
                    if let Subscription::Exact(_) = subscription
                        && let Some((channel, bytes)) = self.delivers.take()
                    {
                        link.delivered(channel, &bytes.to_vec().into());
                    }
                }
                Poll::Ready(Some(Command::Publish { channel, payload, .. })) => {
                    let _ = self.got.send((channel, payload));
                }
                Poll::Ready(Some(Command::Ping)) => link.pong(),
                Poll::Ready(Some(_)) => {}
            }
        }
    }
}

fn memory(
    address: &'static str,
    delivers: Option<(&'static str, &'static [u8])>,
) -> (Memory, Receiver<(String, Payload<'static>)>) {
    let (got, receiver) = channel();
    (Memory { address, delivers, got }, receiver)
}

fn config(format: Format) -> NodeConfig {
    let mut config = NodeConfig::default();
    config.format = format;
    config
}

#[test]
fn an_event_of_one_broker_is_published_at_the_other() {
    let event = br#"{"method": "emit", "event": "e", "data": ["x"], "namespace": "/"}"#;
    let (left, left_got) = memory("left", Some(("socketio", event)));
    let (right, right_got) = memory("right", None);
    let left = (left, config(Format::Python));
    let right = (right, config(Format::Classic));
    let bridge = Bridge::start(left, right, &["/"]).expect("there are threads");
    let got = right_got.recv_timeout(Duration::from_secs(10));
    assert_eq!(got.expect("it is published").0, "socket.io#/#");
    assert!(left_got.try_recv().is_err(), "it does not go back");
    let begin = Instant::now();
    while !bridge.counts(Side::Left).connected && begin.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(bridge.counts(Side::Left).received, 1);
    bridge.close();
    let end = right_got.recv_timeout(Duration::from_secs(10));
    assert_eq!(end, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "the threads end");
}

#[test]
fn what_cannot_be_joined_is_refused() {
    let start = |left: &str, right: &str, formats: [Format; 2]| {
        let address = |name: &str| if name == "a" { "a" } else { "b" };
        let (left, _) = memory(address(left), None);
        let (right, _) = memory(address(right), None);
        Bridge::start((left, config(formats[0])), (right, config(formats[1])), &["/"]).err()
    };
    let one = start("a", "a", [Format::Native; 2]);
    assert!(matches!(one, Some(BridgeError::OneBus(_))), "{one:?}");
    let sharded = start("a", "b", [Format::Python, Format::Sharded]);
    assert!(matches!(sharded, Some(BridgeError::Sharded)), "{sharded:?}");
    assert!(start("a", "b", [Format::Native; 2]).is_none());
}
