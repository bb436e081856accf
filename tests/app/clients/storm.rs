//! Thousands of clients that lose their server at once.

use sansocket_app::App;
use sansocket_app::client::{Socket, Transport};
use sansocket_app::test::{Network, TestServer};
use std::time::Duration;

use super::client;

const CLIENTS: usize = 10_000;

/// With the default settings, the first wait is 1 s, give or take 0.5 s.
#[test]
fn c41_ten_thousand_clients_come_back_one_by_one_and_leave_nothing_behind() {
    const STEP: Duration = Duration::from_millis(50);
    let server = TestServer::with_shards(App::new(), 4);
    let count = |of: fn(&sansocket_app::Counts) -> usize| -> usize {
        server.io().counts().iter().map(of).sum()
    };
    let mut client = client();
    client.configure(|config| config.transports = vec![Transport::WebSocket]);
    let joining: Vec<_> = (0..CLIENTS).map(|_| server.open(client.clone()).connect()).collect();
    server.run();
    let sockets: Vec<Socket> = joining
        .into_iter()
        .map(|joining| server.block_on(joining).expect("the server lets it in"))
        .collect();
    let at_rest = count(|counts| counts.heads);

    server.set_network(Network::Down);
    server.set_network(Network::Up);
    assert_eq!((count(|counts| counts.sessions), count(|counts| counts.sockets)), (0, 0));
    let mut connected = vec![0];
    for _ in 0..31 {
        server.advance(STEP);
        connected.push(count(|counts| counts.sockets));
        assert!(count(|counts| counts.heads) <= at_rest, "less than when all were connected");
        assert_eq!(count(|counts| counts.handshakes), 0, "no client waits to be let in");
    }
    assert_eq!(connected[9], 0, "nobody comes before 0.5 s: {connected:?}");
    assert_eq!(connected.last(), Some(&CLIENTS), "all come within 1.5 s: {connected:?}");
    let most = connected.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(most < Some(CLIENTS / 10), "a twentieth comes in each step: {connected:?}");
    assert!(sockets.iter().all(Socket::is_connected));

    drop(sockets);
    server.run();
    for left in server.io().counts() {
        let kept = (left.sessions, left.links, left.sockets, left.bytes, left.heads);
        assert_eq!(kept, (0, 0, 0, 0, 0));
    }
}
