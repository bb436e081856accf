//! E: TLS, end to end.

use sansocket_app::{App, Cookie};
use std::io::{Read, Write};
use std::time::Duration;

use super::super::faults::{brief, echo, settle};
use super::super::identity::Identity;
use super::super::{Serve, listener, port};
use super::http::{open, rest};
use crate::client::Client;
use crate::fault::{Faults, Proxy};
use crate::http::request;

/// E9: RUSTSEC-2024-0399. A ClientHello in many records, each in many pieces.
pub fn e09_client_hellos_in_fragments_are_understood(serve: Serve) {
    let identity = Identity::new();
    let listener = listener().tls(identity.tls());
    let address = port(&listener);
    let (io, _serving) = serve(echo(brief()), vec![listener]);
    let faults = Faults { piece: 3, pause: Duration::from_micros(20), cut: None };
    let proxy = Proxy::start(address, faults, 3);
    for fragment in [32, 64, 100] {
        let stream = identity.encrypt_in(open(proxy.address), Some(fragment));
        let mut client = Client::join(stream);
        client.post("420[\"echo\",1]");
        assert_eq!(client.poll(), "430[1]");
    }
    drop(proxy);
    io.close();
    settle(&io, 0);
}

/// E9: RUSTSEC-2024-0336. A close_notify in the middle of a handshake ends the connection; others
/// on the same thread are served.
pub fn e09_tls_that_ends_within_its_handshake_ends_the_connection(serve: Serve) {
    const CLOSE_NOTIFY: [u8; 7] = [0x15, 3, 3, 0, 2, 1, 0];
    let identity = Identity::new();
    let (clear, secure) = (listener(), listener().tls(identity.tls()));
    let addresses = (port(&clear), port(&secure));
    let mut config = brief();
    // A farewell before any greeting is not heard; the connection ends like one that is silent.
    config.limits.head_time = Duration::from_secs(1);
    let (io, _serving) = serve(App::with_config(config), vec![clear, secure]);
    let hello = identity.hello();
    let (half, _) = hello.split_at(hello.len() / 2);
    for first in [&[], half, &hello[..]] {
        let mut ended: Vec<_> = (0..8).map(|_| open(addresses.1)).collect();
        for stream in &mut ended {
            stream.write_all(&[first, &CLOSE_NOTIFY].concat()).unwrap();
        }
        ended.iter_mut().for_each(|stream| drop(rest(stream)));
        let mut clients: Vec<_> = (0..8).map(|_| Client::connect(addresses.0)).collect();
        io.emit("alive", &()).unwrap();
        clients.iter_mut().for_each(|client| assert_eq!(client.poll(), r#"42["alive"]"#));
    }
    let mut client = Client::join(identity.encrypt(open(addresses.1)));
    io.emit("alive", &()).unwrap();
    assert_eq!(client.poll(), r#"42["alive"]"#);
    io.close();
    settle(&io, 0);
}

/// The cookie of a session that began encrypted never travels in the clear.
pub fn cookies_are_secure_over_tls_alone(serve: Serve) {
    let identity = Identity::new();
    let (clear, secure) = (listener(), listener().tls(identity.tls()));
    let addresses = (port(&clear), port(&secure));
    let mut config = brief();
    config.cookie = Some(Cookie::default());
    let (io, _serving) = serve(App::with_config(config), vec![clear, secure]);
    assert!(cookie(identity.encrypt(open(addresses.1))).ends_with("; Secure"));
    assert!(!cookie(open(addresses.0)).contains("Secure"));
    io.close();
    settle(&io, 0);
}

/// The line of the answer to a handshake that sets the cookie.
fn cookie(mut stream: impl Read + Write) -> String {
    let target = "/socket.io/?EIO=4&transport=polling";
    let ask = request("GET", target, "Connection: close\r\n", "");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let line = answer.lines().find(|line| line.starts_with("set-cookie: io="));
    line.expect("it is set").to_owned()
}
