//! An application and its test clients, all with the same parser.

use sansocket_app::test::{ConnectError, TestServer};
use sansocket_app::{App, Auth, Bytes, Config, Msgpack, Refusal, Rest, Socket};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Picture {
    name: String,
    bytes: Bytes,
    size: Option<(u64, f64)>,
}

fn config() -> Config {
    let mut config = Config::default();
    config.parser = Some(Arc::new(Msgpack));
    config
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

fn app() -> App {
    let mut app = App::with_config(config());
    app.on("picture", |socket: Socket, picture: Picture, Rest(rest): Rest<Bytes>| {
        socket.nsp().emit("shown", &(&picture, rest.len())).expect("it can be sent");
        (picture.bytes.len(), picture)
    });
    app.on("ask", async |socket: Socket| {
        let second = Duration::from_secs(1);
        let answer = socket.emit_with_ack("question", &(1.5, u64::MAX), second).await;
        let answer = answer.expect("it is answered");
        socket.emit("answered", answer.as_ref()).expect("it can be sent");
    });
    app.namespace("/admin").middleware(|Auth(Token { token }): Auth<Token>| {
        let data = json!({"code": 401});
        if token == "sesame" { Ok(()) } else { Err(Refusal::new("no").with_data(&data)) }
    });
    app
}

#[test]
fn typed_arguments_acknowledgements_and_broadcasts_go_through_msgpack() {
    let server = TestServer::with_shards(app(), 2);
    let [ann, bob] = [(); 2].map(|()| server.connect().expect("it is let in"));
    let picture = Picture {
        name: "ünï".into(),
        bytes: Bytes::from_static(b"\x00\xff"),
        size: Some((1 << 60, 0.1)),
    };
    let rest = [Bytes::from_static(b"a"), Bytes::new()];
    let args = (&picture, &rest[0], &rest[1]);
    let (length, back): (usize, Picture) = ann.call("picture", &args).expect("it answers");
    assert_eq!((length, &back), (2, &picture));
    for client in [&ann, &bob] {
        let [event] = &client.get_received()[..] else { panic!("one event") };
        let (shown, more): (Picture, usize) = event.decode().expect("the same types");
        assert_eq!((&*event.name, &shown, more), ("shown", &picture, 2));
    }
    ann.emit("ask", &());
    let question = ann.expect_event("question");
    assert_eq!(question.decode(), Ok((1.5, u64::MAX)));
    question.ack(&(&rest[0], -5));
    assert_eq!(ann.expect::<(Bytes, i64)>("answered"), (rest[0].clone(), -5));
}

#[test]
fn auth_payloads_and_refusals_go_through_msgpack() {
    let server = TestServer::new(app());
    let admin =
        |token: &str| server.client().namespace("/admin").auth(&json!({"token": token})).connect();
    assert!(admin("sesame").is_ok());
    let refused = ConnectError::Refused { message: "no".into(), data: Some(json!({"code": 401})) };
    assert_eq!(admin("x").err(), Some(refused));
}
