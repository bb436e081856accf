//! Users that prove who they are by SASL. The brokers of the tests know none, so that a server plays as much of Kafka as
//! connecting takes: <https://kafka.apache.org/protocol>.

use brokers::{Played, Told};
use sansocket_bus::Format;
use sansocket_kafka::Kafka;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

const METADATA: i16 = 3;
const HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
const AUTHENTICATE: i16 = 36;

/// `UNSUPPORTED_SASL_MECHANISM` and `SASL_AUTHENTICATION_FAILED`.
const UNSUPPORTED: i16 = 33;
const FAILED: i16 = 58;

#[test]
fn a_user_and_a_password_are_presented() {
    let port = server();
    let end = drive(&format!("kafka://me:p%40ss@127.0.0.1:{port}"));
    assert_eq!(end.connected(), Some(1_000_000));
    end.close();
    end.ended();
}

#[test]
fn a_wrong_password_is_told() {
    let why = lost(&format!("kafka://me:wr0ng@127.0.0.1:{}", server()));
    assert!(why.contains("SaslAuthenticationFailed") && !why.contains("wr0ng"), "{why}");
}

#[test]
fn a_mechanism_that_the_server_does_not_know_is_told() {
    let port = server();
    let why = lost(&format!("kafka://me:p%40ss@127.0.0.1:{port}?mechanism=SCRAM-SHA-256"));
    assert!(why.contains("UnsupportedSaslMechanism"), "{why}");
}

fn drive(url: &str) -> Arc<Played> {
    Played::drive(Kafka::new(url).unwrap(), Format::Native)
}

fn lost(url: &str) -> String {
    let end = drive(url);
    let Told::Lost(why) = end.next() else { panic!("connected") };
    end.close();
    why
}

/// Returns the port of a broker that lets in `me` with `p@ss`, by `PLAIN`.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A connection that ends is no fault here.
            thread::spawn(move || serve(stream.unwrap(), port));
        }
    });
    port
}

fn serve(mut stream: TcpStream, port: u16) -> io::Result<()> {
    let mut is_known = false;
    loop {
        let request = read(&mut stream)?;
        // Key, version, the number of the request, and the name of the client.
        let key = i16::from_be_bytes([request[0], request[1]]);
        let name = usize::from(u16::from_be_bytes([request[8], request[9]]));
        let body = &request[10 + name..];
        let mut answer = request[4..8].to_vec();
        match key {
            API_VERSIONS => answer.extend(versions()),
            HANDSHAKE => {
                let error = if &body[2..] == b"PLAIN" { 0 } else { UNSUPPORTED };
                answer.extend(error.to_be_bytes());
                answer.extend(1_i32.to_be_bytes());
                answer.extend(text("PLAIN"));
            }
            AUTHENTICATE => {
                is_known = &body[4..] == b"\0me\0p@ss";
                answer.extend(if is_known { 0 } else { FAILED }.to_be_bytes());
                answer.extend((-1_i16).to_be_bytes());
                answer.extend(0_i32.to_be_bytes());
            }
            METADATA if is_known => answer.extend(metadata(port)),
            _ => return Ok(()),
        }
        stream.write_all(&i32::try_from(answer.len()).unwrap().to_be_bytes())?;
        stream.write_all(&answer)?;
    }
}

fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut request = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut request)?;
    Ok(request)
}

/// Version 3 of the answer that tells the lowest and the highest version of each request.
fn versions() -> Vec<u8> {
    let known = [(METADATA, 1), (HANDSHAKE, 1), (API_VERSIONS, 3), (AUTHENTICATE, 0)];
    let mut answer = vec![0, 0, u8::try_from(known.len() + 1).unwrap()];
    for (key, version) in known {
        answer.extend([key, version, version].map(i16::to_be_bytes).as_flattened());
        answer.push(0);
    }
    answer.extend([0; 5]);
    answer
}

/// Version 1 of the answer that tells the brokers: this one, and no topics.
fn metadata(port: u16) -> Vec<u8> {
    let mut answer = [1, 1].map(i32::to_be_bytes).as_flattened().to_vec();
    answer.extend(text("127.0.0.1"));
    answer.extend(i32::from(port).to_be_bytes());
    answer.extend((-1_i16).to_be_bytes());
    answer.extend([1, 0].map(i32::to_be_bytes).as_flattened());
    answer
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}
