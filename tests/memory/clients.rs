//! What a client costs that is connected and does nothing.

use allocation_counter::measure;
use sansocket::client::{Action, Client, Config, Endpoint, Event, Transport};
use sansocket::{Conn, Fields, Headers, Inbound, Limits, Message, ResponseHead, Role};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of a client on a WebSocket that joined the main namespace: the client, its namespace, its session
/// and the `Conn`.
const IDLE_BYTES: usize = 2048;

const MANY: usize = 256;

const OPEN: &str = "0{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"upgrades\":[],\"pingInterval\":25000,\
                    \"pingTimeout\":20000,\"maxPayload\":1000000}";

/// Connects a client.
fn connected(config: &Arc<Config>, limits: &Arc<Limits>, now: Instant) -> (Client, Conn) {
    let mut client = Client::new(config.clone(), [7; 32], now);
    let namespace = client.namespace("/").expect("a name");
    client.socket(now, namespace).expect("it was just made").join();
    let Some(Action::Open { link, .. }) = client.poll_action() else { panic!("it connects") };
    let seed = client.draw_seed();
    client.handle_opened(now, link);
    let mut http = Conn::client(limits.clone(), Some(link), seed);
    http.pull(&mut client);
    let none: [(&str, &str); 0] = [];
    let none: &dyn Headers = &none;
    let head = ResponseHead::new(101, Fields::host(none));
    client.handle(now, link, Inbound::Response(head));
    let mut conn = Conn::websocket(Role::Client, limits.clone(), Some(link), seed);
    for text in [OPEN, "40{\"sid\":\"AAAAAAAAAAAAAAAAAAAA\"}"] {
        client.handle(now, link, Inbound::Message(Message::Text(text)));
        conn.pull(&mut client);
        let mut slices = [std::io::IoSlice::new(&[]); 4];
        let filled = conn.poll_write(&mut slices);
        let bytes = slices[..filled].iter().map(|slice| slice.len()).sum();
        conn.wrote(bytes);
    }
    while client.poll_action().is_some() {}
    let events = std::iter::from_fn(|| client.poll_event());
    assert!(events.last().is_some_and(|event| matches!(event, Event::Connected { .. })));
    (client, conn)
}

#[test]
fn idle_clients_fit_their_budget() {
    let mut config = Config::new(Endpoint::parse("http://a.example/").expect("a URL"));
    config.transports = vec![Transport::WebSocket];
    let (config, now) = (Arc::new(config), Instant::now());
    let limits = Arc::new(config.limits.clone());
    let mut clients = Vec::with_capacity(MANY);
    let info = measure(|| {
        clients.extend((0..MANY).map(|_| connected(&config, &limits, now)));
    });
    let heap = usize::try_from(info.bytes_current).expect("some") / MANY;
    let bytes = heap + size_of::<Client>() + size_of::<Conn>();
    println!(
        "idle: {bytes} bytes, {} in `Client`, {} in `Conn`",
        size_of::<Client>(),
        size_of::<Conn>()
    );
    assert!(bytes <= IDLE_BYTES, "{bytes}");
}
