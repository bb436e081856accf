//! What an application says and hears of single requests: header fields, and refusals.

use crate::streams::stage::{POLLING, Stage, sid};
use sansocket_app::http::HeaderValue;
use sansocket_app::{App, Config, RefusedRequest};
use std::sync::{Arc, Mutex};
use testbed::upgrade;

#[test]
fn a_refused_request_is_heard_of_with_number_words_and_rule() {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut app = App::new();
    let lines = heard.clone();
    app.on_refused(move |refused: RefusedRequest<'_>| {
        let RefusedRequest { request, status, code, rule, .. } = refused;
        let first = rule.split(' ').next().unwrap_or_default();
        let path = request.target.rsplit('?').next().unwrap_or_default();
        let line = format!("{path}: {status} {code} {} ({first}…)", refused.message());
        lines.lock().unwrap().push(line);
    });
    app.allow_request(|request, _| match request.target.ends_with("no") {
        true => Err("no"),
        false => Ok(()),
    });
    let stage = Stage::new(app);
    for (query, method) in [
        ("EIO=4&transport=carrier", "GET"),
        ("EIO=4&transport=polling&sid=x", "GET"),
        ("EIO=4&transport=polling", "POST"),
        ("EIO=4&transport=websocket", "GET"),
        ("EIO=4&transport=polling&no", "GET"),
        ("EIO=3&transport=polling", "GET"),
        ("EIO=4&transport=polling", "GET"),
    ] {
        stage.stream().ask(method, &format!("/socket.io/?{query}"), "", "");
    }
    stage.io.stop();
    stage.stream().ask("GET", POLLING, "", "");
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "EIO=4&transport=carrier: 400 0 Transport unknown (transport…)",
            "EIO=4&transport=polling&sid=x: 400 1 Session ID unknown (no…)",
            "EIO=4&transport=polling: 400 2 Bad handshake method (a…)",
            "EIO=4&transport=websocket: 400 3 Bad request (transport=websocket…)",
            "EIO=4&transport=polling&no: 403 4 Forbidden (the…)",
            "EIO=3&transport=polling: 400 5 Unsupported protocol version (EIO=4…)",
            "EIO=4&transport=polling: 503 4 Forbidden (the…)",
        ]
    );
}

#[test]
fn header_fields_are_added_to_the_first_answer_and_to_all() {
    let mut config = Config::default();
    config.headers = vec![("x-all".into(), "settings".into())];
    let mut app = App::with_config(config);
    app.initial_headers(|_, _, fields| {
        fields.append("set-cookie", HeaderValue::from_static("a=1"));
        fields.append("set-cookie", HeaderValue::from_static("b=2"));
    });
    app.headers(|request, _, fields| {
        let method = request.method_name().unwrap_or_default();
        fields.insert("x-all", HeaderValue::from_str(method).unwrap());
        fields.insert("content-length", HeaderValue::from_static("0"));
    });
    let stage = Stage::new(app);
    let all = |answer: &str| {
        let mut lines = answer
            .lines()
            .filter(|line| line.starts_with("x-all") || line.starts_with("set-cookie"));
        let found: Vec<String> = lines.by_ref().map(str::to_owned).collect();
        found.join(", ")
    };
    let open = stage.stream().ask("GET", POLLING, "", "");
    assert_eq!(all(&open), "set-cookie: a=1, set-cookie: b=2, x-all: GET");
    assert!(!open.contains("content-length: 0"), "{open}");
    let target = format!("{POLLING}&sid={}", sid(&open));
    let mut poll = stage.stream();
    assert_eq!(poll.ask("GET", &target, "", ""), "", "it is held");
    let posted = stage.stream().ask("POST", &target, "", "40");
    assert_eq!(all(&posted), "x-all: POST");
    assert_eq!(all(&poll.take()), "x-all: GET");
    let opened = stage.stream().say(upgrade("/socket.io/?EIO=4&transport=websocket"));
    assert_eq!(all(&opened), "set-cookie: a=1, set-cookie: b=2, x-all: GET");
    let preflight = stage.stream().ask("OPTIONS", POLLING, "", "");
    assert_eq!(all(&preflight), "x-all: OPTIONS");
}
