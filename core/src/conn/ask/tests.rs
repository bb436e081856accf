use super::*;
use crate::http::Response;
use crate::limits::Limits;
use crate::link::{Inbound, Message, Transmit, Verdict};
use crate::socket::Frame;
use proptest::prelude::*;
use std::io::IoSlice;
use std::sync::Arc;

fn client() -> Conn {
    Conn::client(Arc::new(Limits { max_payload: 1000, ..Limits::default() }), None, [3; 32])
}

fn get(conn: &mut Conn, target: &str) -> Result<(), Misuse> {
    let fields = [("host", "a")];
    conn.ask(&Request::new(Method::Get, target, Fields::host(&fields)), &Bytes::new(), None)
}

fn written(conn: &mut Conn) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 8];
    let filled = conn.poll_write(&mut slices);
    let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
    conn.wrote(bytes.len());
    bytes
}

/// What a connection makes of bytes that come in pieces.
fn read(conn: &mut Conn, bytes: &[u8], piece: usize) -> Result<Vec<String>, Violation> {
    let mut items = Vec::new();
    for piece in bytes.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut decoder = conn.decode(&mut piece);
        while let Some(item) = decoder.poll()? {
            items.push(match item {
                Inbound::Response(head) => {
                    let kind = head.fields.get("content-type");
                    format!("{} {}", head.status, kind.unwrap_or_default())
                }
                Inbound::Body(body) => String::from_utf8_lossy(body).into_owned(),
                Inbound::Message(Message::Text(text)) => format!("text {text}"),
                other @ (Inbound::Bytes(_)
                | Inbound::Closed(_)
                | Inbound::Opening(_)
                | Inbound::Message(Message::Binary(_))
                | Inbound::Request(_)) => panic!("{other:?}"),
            });
        }
    }
    Ok(items)
}

#[test]
fn an_answer_comes_as_its_head_and_its_whole_body_however_it_arrives() {
    let plain = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n\
        Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    let empty = "HTTP/1.1 204 No Content\r\n\r\n";
    for piece in 1..plain.len() {
        let mut conn = client();
        for (answer, items) in [
            (plain, ["200 text/plain", "hello"]),
            (chunked, ["404 ", "hello"]),
            (empty, ["204 ", ""]),
        ] {
            assert_eq!(get(&mut conn, "/a"), Ok(()));
            assert_eq!(written(&mut conn), b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n");
            assert_eq!(conn.awaits(), Awaits::Answer);
            assert_eq!(
                read(&mut conn, answer.as_bytes(), piece),
                Ok(items.map(String::from).into())
            );
            assert_eq!(conn.awaits(), Awaits::Request);
        }
        assert!(!conn.is_finished());
    }
}

#[test]
fn c93_an_answer_that_has_begun_is_told_from_one_that_is_awaited() {
    let mut conn = client();
    assert_eq!(get(&mut conn, "/a"), Ok(()));
    written(&mut conn);
    for (piece, awaits) in [
        ("", Awaits::Answer),
        ("HTTP/1.1 200", Awaits::Head),
        (" OK\r\nContent-Length: 2\r\n", Awaits::Head),
        ("\r\n", Awaits::Body),
        ("o", Awaits::Body),
        ("k", Awaits::Request),
    ] {
        read(&mut conn, piece.as_bytes(), 100).expect("it is well formed");
        assert_eq!(conn.awaits(), awaits, "{piece:?}");
    }
}

#[test]
fn a_body_is_sent_behind_its_head() {
    let fields = [("host", "a")];
    let request = Request::new(Method::Post, "/", Fields::host(&fields));
    let mut conn = client();
    assert_eq!(conn.ask(&request, &Bytes::from_static(b"42"), None), Ok(()));
    let bytes = written(&mut conn);
    assert_eq!(bytes, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n42");
}

#[test]
fn a_connection_carries_one_request_at_a_time_and_ends_when_the_answer_says_so() {
    let mut conn = client();
    assert_eq!(get(&mut conn, "/"), Ok(()));
    assert_eq!(get(&mut conn, "/"), Err(Misuse::RequestPending));
    written(&mut conn);
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    assert_eq!(read(&mut conn, answer, 1000), Ok(vec!["200 ".into(), "x".into()]));
    assert_eq!(get(&mut conn, "/"), Err(Misuse::RequestPending));
    assert!(conn.is_finished());
    let mut server = Conn::new(Arc::default());
    assert_eq!(get(&mut server, "/"), Err(Misuse::RequestPending));
}

#[test]
fn answers_that_break_a_rule_end_the_connection() {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}", "x".repeat(1001));
    for (answer, violation) in [
        (long.as_str(), Violation::BodyTooLarge),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
            Violation::InvalidAccept,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", Violation::UnboundedAnswer),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", Violation::InvalidChunk),
        ("HTTP/1.1 204 No Content\r\n\r\nmore", Violation::InvalidHead),
        ("SSH-2.0\r\n\r\n", Violation::InvalidHead),
    ] {
        let mut conn = client();
        get(&mut conn, "/").expect("nothing is asked yet");
        written(&mut conn);
        assert_eq!(read(&mut conn, answer.as_bytes(), 2000), Err(violation), "{answer}");
        conn.decode(&mut []).reject(violation);
        assert!(conn.is_finished() && written(&mut conn).is_empty(), "{answer}");
    }
}

#[cfg(feature = "compression")]
#[test]
fn a_compressed_body_is_handed_out_as_it_was() {
    let body = "a text that repeats, ".repeat(40);
    for coding in [Coding::Deflate, Coding::Gzip] {
        let small = coding::compressed(coding, body.as_bytes()).expect("it gets smaller");
        let mut answer = Vec::new();
        let head = Response::with_body(200, "text/plain", small.clone());
        let head = head.header("content-encoding", coding.name());
        head.put_head(&mut answer, Persistence::Keep, None);
        answer.extend_from_slice(&small);
        let mut conn = client();
        get(&mut conn, "/").expect("nothing is asked yet");
        let items = read(&mut conn, &answer, 7);
        assert_eq!(items, Ok(vec!["200 text/plain".into(), body.clone()]));
    }
}

/// Hands what one connection wrote to a server that accepts WebSockets and refuses anything else.
fn serve(server: &mut Conn, mut bytes: Vec<u8>) -> Vec<u8> {
    let mut decoder = server.decode(&mut bytes);
    while let Some(item) = decoder.poll().expect("the client keeps the rules") {
        match item {
            Inbound::Request(request) => {
                let verdict = match Response::accepting(&request) {
                    Some(response) => Verdict::Upgrade { link: None, response },
                    None => Verdict::Respond(Response::with_body(426, "text/plain", "no")),
                };
                decoder.apply(verdict);
            }
            Inbound::Message(Message::Text(text)) => {
                let frame = Frame::text(text);
                decoder.push(Transmit::Frame(frame));
            }
            other @ (Inbound::Body(_)
            | Inbound::Bytes(_)
            | Inbound::Closed(_)
            | Inbound::Opening(_)
            | Inbound::Message(Message::Binary(_))
            | Inbound::Response(_)) => panic!("{other:?}"),
        }
    }
    drop(decoder);
    written(server)
}

#[test]
fn an_accepted_websocket_carries_messages_both_ways() {
    let fields = [("host", "a"), ("origin", "http://a")];
    let request = Request::new(Method::Get, "/ws", Fields::host(&fields));
    let (mut conn, mut server) = (client(), Conn::new(Arc::default()));
    // What is refused first comes as any answer.
    get(&mut conn, "/").expect("nothing is asked yet");
    let answer = serve(&mut server, written(&mut conn));
    assert_eq!(read(&mut conn, &answer, 9), Ok(vec!["426 text/plain".into(), "no".into()]));
    conn.ask_websocket(&request, None).expect("the first is answered");
    let offer = written(&mut conn);
    let start = b"GET /ws HTTP/1.1\r\nhost: a\r\norigin: http://a\r\nconnection: Upgrade\r\n";
    assert!(offer.starts_with(start), "{}", String::from_utf8_lossy(&offer));
    let answer = serve(&mut server, offer);
    assert_eq!(read(&mut conn, &answer, 9), Ok(vec!["101 ".into()]));
    assert_eq!(conn.awaits(), Awaits::Messages);
    conn.push(Transmit::Frame(Frame::text("hi")));
    let echo = serve(&mut server, written(&mut conn));
    assert_eq!(read(&mut conn, &echo, 1), Ok(vec!["text hi".into()]));
}

proptest! {
    #[test]
    fn what_a_server_writes_a_client_reads(
        bodies in prop::collection::vec("[a-z ]{0,300}", 1..4),
        piece in 1usize..400,
        chunk in prop::option::of(1usize..50),
    ) {
        let mut conn = client();
        for body in bodies {
            get(&mut conn, "/").expect("the one before is answered");
            let mut answer = Vec::new();
            match chunk {
                None => {
                    let response = Response::with_body(200, "text/plain", body.clone());
                    response.put_head(&mut answer, Persistence::Keep, None);
                    answer.extend_from_slice(body.as_bytes());
                }
                Some(chunk) => {
                    answer.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n");
                    answer.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
                    for part in body.as_bytes().chunks(chunk) {
                        answer.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                        answer.extend_from_slice(part);
                        answer.extend_from_slice(b"\r\n");
                    }
                    answer.extend_from_slice(b"0\r\n\r\n");
                }
            }
            let items = read(&mut conn, &answer, piece);
            prop_assert_eq!(items, Ok(vec!["200 text/plain".to_owned(), body]));
        }
    }

    #[test]
    fn no_bytes_make_a_client_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        piece in 1usize..50,
    ) {
        let mut conn = client();
        get(&mut conn, "/").expect("nothing is asked yet");
        let answer = [b"HTTP/1.1 200 OK\r\n", &bytes[..], b"\r\n\r\n"].concat();
        let _ = read(&mut conn, &answer, piece);
        let _ = read(&mut conn, &bytes, piece);
    }
}
