//! The generator fails when a server does, and only then.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

/// What the server does with the replies it has gathered.
type Fault = fn(&mut Vec<Vec<u8>>);

#[test]
fn a_faithful_server_passes() {
    let output = run(|_| {});
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.starts_with(b"{\"scenario\":\"echo\""));
}

#[test]
fn a_lost_reply_is_found() {
    fails(|replies| drop(replies.remove(1)), "wrong reply");
}

#[test]
fn a_reordered_reply_is_found() {
    fails(|replies| replies.swap(0, 1), "wrong reply");
}

#[test]
fn a_repeated_reply_is_found() {
    fails(|replies| replies.insert(1, replies[1].clone()), "wrong reply");
}

#[test]
fn a_changed_reply_is_found() {
    fails(|replies| replies[0][40] ^= 1, "wrong reply");
}

#[test]
fn a_faithful_burst_passes() {
    let output = burst(|_| {});
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_reordered_event_of_a_burst_is_found() {
    failed(&burst(|events| events.swap(2, 3)), "wrong reply");
}

fn fails(fault: Fault, message: &str) {
    failed(&run(fault), message);
}

fn failed(output: &Output, message: &str) {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(message), "{error}");
}

/// Runs `echo` with four messages in flight against a server that errs once.
fn run(fault: Fault) -> Output {
    against(&["echo", "--floor", "--in-flight", "4"], move |mut stream| {
        upgrade(&mut stream)?;
        for round in 0.. {
            let replies = (0..4).map(|_| reply(&mut stream)).collect::<Option<Vec<_>>>()?;
            send(&mut stream, replies, round, fault)?;
        }
        None
    })
}

/// Runs `burst` with four events for each request against a server that errs once.
fn burst(fault: Fault) -> Output {
    against(&["burst", "--burst", "4"], move |mut stream| {
        upgrade(&mut stream)?;
        stream.write_all(&text("0{}")).ok()?;
        reply(&mut stream)?;
        stream.write_all(&[text("40{}"), text(r#"42["auth",{}]"#)].concat()).ok()?;
        for round in 0.. {
            reply(&mut stream)?;
            let events = (0..4).map(|i| text(&format!(r#"42["seq",{i}]"#))).collect();
            send(&mut stream, events, round, fault)?;
        }
        None
    })
}

fn against(args: &[&str], serve: impl FnOnce(TcpStream) -> Option<()> + Send + 'static) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || serve(listener.accept().unwrap().0));
    let mut load = Command::new(env!("CARGO_BIN_EXE_load"));
    load.args(args).args(["--connections", "1", "--url", &format!("http://{address}")]);
    load.args(["--seconds", "0.2", "--warmup", "0"]).output().unwrap()
}

fn upgrade(stream: &mut TcpStream) -> Option<()> {
    stream.read(&mut [0; 4096]).ok()?;
    let accept = "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    stream.write_all(accept.as_bytes()).ok()
}

fn send(
    stream: &mut TcpStream,
    mut replies: Vec<Vec<u8>>,
    round: usize,
    fault: Fault,
) -> Option<()> {
    if round == 2 {
        fault(&mut replies);
    }
    stream.write_all(&replies.concat()).ok()
}

fn text(payload: &str) -> Vec<u8> {
    [&[0x81, payload.len() as u8], payload.as_bytes()].concat()
}

fn reply(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = [0; 6];
    stream.read_exact(&mut head).ok()?;
    let mut frame = vec![head[0], head[1] & 0x7f];
    let mut payload = vec![0; usize::from(frame[1])];
    stream.read_exact(&mut payload).ok()?;
    let mask = head[2..].iter().cycle();
    frame.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    Some(frame)
}
