//! Who waits until a broker has confirmed what a server subscribes to.

use sansocket_app::test::{Network, TestCluster};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use super::stage::app;

/// A waker that does nothing.
struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn who_no_longer_waits_for_a_broker_is_forgotten() {
    let cluster = TestCluster::new();
    cluster.set_broker(Network::Down);
    let server = cluster.server(app());
    let bus = server.io().bus().unwrap();
    let wakers = [(); 1000].map(|()| Arc::new(Nothing));
    for waker in &wakers {
        let waker = Waker::from(waker.clone());
        let mut settled = pin!(bus.settled());
        for _ in 0..2 {
            assert!(settled.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    assert!(wakers.iter().all(|waker| Arc::strong_count(waker) == 1));
}

#[test]
fn all_that_wait_are_woken_when_the_broker_is_there() {
    let cluster = TestCluster::new();
    cluster.set_broker(Network::Down);
    let server = cluster.server(app());
    let bus = server.io().bus().unwrap();
    let mut waiting = [(); 3].map(|()| Box::pin(bus.settled()));
    let context = &mut Context::from_waker(Waker::noop());
    assert!(waiting.iter_mut().all(|settled| settled.as_mut().poll(context).is_pending()));
    cluster.set_broker(Network::Up);
    cluster.advance(std::time::Duration::from_millis(500));
    assert!(waiting.iter_mut().all(|settled| settled.as_mut().poll(context).is_ready()));
}
