//! Both ends of a WebSocket are the same codec: what one writes, the other reads.

use sansocket::{
    Config, Conn, Fields, Inbound, Link, Message, Method, Request, Role, Server, Shard,
};
use sansocket::{RequestContext, Transmit, Verdict, Violation};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;
use testbed::UPGRADE;

/// A link, and the OPEN frame that waits on it.
fn opened() -> (Link, Transmit) {
    let mut server = Server::new(Arc::default(), Shard::ONLY, [1; 32], Instant::now());
    let request =
        Request::new(Method::Get, "/socket.io/?EIO=4&transport=websocket", Fields::host(&UPGRADE));
    let Verdict::Upgrade { link: Some(link), response } =
        server.handle_request(Instant::now(), request, RequestContext::default())
    else {
        panic!("the handshake is refused");
    };
    assert_eq!(response.status, 101);
    (link, server.poll_transmit(link).expect("OPEN waits"))
}

fn end(role: Role, link: Link, seed: u8) -> Conn {
    Conn::websocket(role, Arc::new(Config::default().limits), Some(link), [seed; 32])
}

fn written(conn: &mut Conn) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 4];
    let filled = conn.poll_write(&mut slices);
    let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
    conn.wrote(bytes.len());
    bytes
}

fn read(conn: &mut Conn, mut bytes: Vec<u8>) -> Result<String, Violation> {
    match conn.decode(&mut bytes).poll()? {
        Some(Inbound::Message(Message::Text(text))) => Ok(text.to_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_role_reads_what_the_other_writes() {
    let (link, open) = opened();
    for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
        let mut sender = end(from, link, 3);
        sender.push(open.clone());
        let bytes = written(&mut sender);
        assert_eq!(bytes[1] & 0x80 != 0, from == Role::Client, "only clients mask");
        let text = read(&mut end(to, link, 4), bytes).expect("valid");
        assert!(text.starts_with("0{\"sid\":"), "{text}");
    }
}

#[test]
fn neither_role_reads_what_its_own_side_writes() {
    let (link, open) = opened();
    for role in [Role::Client, Role::Server] {
        let mut sender = end(role, link, 3);
        sender.push(open.clone());
        let bytes = written(&mut sender);
        assert_eq!(read(&mut end(role, link, 4), bytes), Err(Violation::Mask));
    }
}

#[test]
fn masks_follow_from_the_seed_and_change_with_every_frame() {
    let (link, open) = opened();
    let frames = |seed| {
        let mut client = end(Role::Client, link, seed);
        [open.clone(), open.clone()].map(|frame| {
            client.push(frame);
            written(&mut client)
        })
    };
    let [first, second] = frames(3);
    assert_ne!(first, second);
    assert_eq!(frames(3), [first.clone(), second]);
    assert_ne!(frames(4)[0], first);
}

#[test]
fn a_client_closes_and_answers_pings_with_masked_frames() {
    let (link, _) = opened();
    let mut client = end(Role::Client, link, 3);
    let mut ping = *b"\x89\x02hi";
    assert!(matches!(client.decode(&mut ping).poll(), Ok(None)));
    let pong = written(&mut client);
    assert_eq!(pong[..2], [0x8a, 0x82]);
    client.push(Transmit::Close(sansocket::CloseCode::NORMAL));
    let close = written(&mut client);
    assert_eq!(close[..2], [0x88, 0x82]);
    let mut answer = *b"\x88\x02\x03\xe8";
    assert!(matches!(client.decode(&mut answer).poll(), Ok(None)));
    assert!(client.is_finished());
}

#[test]
fn a_stream_that_never_runs_dry_holds_no_more_than_what_waits() {
    let (link, open) = opened();
    let mut sender = end(Role::Server, link, 3);
    let mut most = 0;
    for _ in 0..10_000 {
        sender.push(open.clone());
        sender.push(open.clone());
        // The stream takes all but the last few bytes.
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = sender.poll_write(&mut slices);
        let waiting: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
        sender.wrote(waiting - 5);
        most = most.max(sender.bytes_held());
    }
    assert!(most < 4096, "{most} bytes for a few frames");
}
