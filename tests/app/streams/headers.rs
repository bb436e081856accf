//! The header fields that the settings put on every answer.

use crate::streams::stage::{POLLING, Stage, sid};
use sansocket_app::http::{Request, Response, StatusCode};
use sansocket_app::{App, Bytes, Config, Files, IntoWeb as _, Origins};
use testbed::{request, upgrade};

/// A server with a field of its own, which one of its answers has already.
fn stage() -> Stage {
    let mut config = Config::default();
    config.headers.push(("X-Served-By".into(), "us".into()));
    config.limits.max_payload = 10;
    let mut app = App::with_config(config);
    app.files(Files::new().map("/static", env!("CARGO_MANIFEST_DIR")));
    app.fallback(async |request: Request<Bytes>| match request.uri().path() {
        "/none" => StatusCode::NOT_FOUND.into_response(),
        _ => Response::builder().header("x-served-by", "me").body(Bytes::new()).unwrap(),
    });
    app.allow_request(|request, _| match request.target.ends_with("refuse") {
        true => Err("no"),
        false => Ok(()),
    });
    Stage::new(app)
}

fn served_by(answer: &str) -> Vec<&str> {
    let fields = answer.lines().filter_map(|line| line.split_once(": "));
    let ours = fields.filter(|(name, _)| name.eq_ignore_ascii_case("x-served-by"));
    ours.map(|(_, value)| value).collect()
}

#[test]
fn every_answer_has_them_once() {
    let stage = stage();
    let open = stage.stream().ask("GET", POLLING, "", "");
    let target = format!("{POLLING}&sid={}", sid(&open));
    let too_long = "Content-Length: 11\r\n";
    for (status, method, target, fields) in [
        ("200", "GET", "/static/Cargo.toml", ""),
        ("405", "PUT", "/static/Cargo.toml", ""),
        ("404", "GET", "/none", ""),
        ("200", "GET", "/own", ""),
        ("413", "POST", "/own", too_long),
        ("501", "CONNECT", "/own", ""),
        ("400", "GET", "own", ""),
        ("400", "GET", "/own", "Host: b\r\n"),
        ("403", "GET", &*format!("{POLLING}&refuse"), ""),
        ("400", "PUT", POLLING, ""),
        ("405", "PUT", &*target, ""),
        ("413", "POST", &*target, too_long),
        ("400", "GET", &*target, ""),
    ] {
        let answer = stage.stream().ask(method, target, fields, "");
        assert_eq!(&answer[9..12], status, "{answer}");
        let by = if target == "/own" && status == "200" { "me" } else { "us" };
        assert_eq!(served_by(&answer), [by], "{answer}");
    }
    stage.io.stop();
    let answer = stage.stream().ask("GET", POLLING, "", "");
    assert_eq!((&answer[9..12], served_by(&answer)), ("503", vec!["us"]));
}

#[test]
fn an_answer_that_took_its_time_has_them() {
    let mut config = Config::default();
    config.headers.push(("x-served-by".into(), "us".into()));
    let mut app = App::with_config(config);
    app.fallback(async |_: Request<Bytes>| {
        let mut waited = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        })
        .await;
        "late"
    });
    let stage = Stage::new(app);
    let mut stream = stage.stream();
    assert_eq!(stream.ask("GET", "/", "", ""), "");
    stage.run();
    let answer = stream.take();
    assert!(answer.ends_with("\r\n\r\nlate"), "{answer}");
    assert_eq!(served_by(&answer), ["us"]);
}

#[test]
fn every_answer_is_dated_once() {
    let stage = stage();
    let dates = |answer: &str| answer.matches("\r\ndate: ").count();
    for (method, target) in [
        ("GET", "/static/Cargo.toml"),
        ("HEAD", "/static/Cargo.toml"),
        ("GET", "/none"),
        ("GET", "/own"),
        ("GET", POLLING),
        ("OPTIONS", POLLING),
        ("GET", "/socket.io/?EIO=3&transport=polling"),
        ("GET", "malformed"),
    ] {
        let answer = stage.stream().ask(method, target, "", "");
        assert_eq!(dates(&answer), 1, "{answer}");
    }
    // One that is held, one to a body, and the one that accepts a WebSocket.
    let mut client = stage.stream();
    let target = format!("{POLLING}&sid={}", sid(&client.ask("GET", POLLING, "", "")));
    assert_eq!(client.ask("GET", &target, "", ""), "");
    let posted = stage.stream().ask("POST", &target, "", "40");
    assert_eq!(dates(&posted), 1, "{posted}");
    let polled = client.take();
    assert!(polled.contains("40{") && dates(&polled) == 1, "{polled}");
    let opened = stage.stream().say(upgrade("/socket.io/?EIO=4&transport=websocket"));
    assert!(opened.starts_with("HTTP/1.1 101 ") && dates(&opened) == 1, "{opened}");
    let mut app = App::new();
    app.fallback(|_: Request<Bytes>| Response::builder().header("date", "old").body("").unwrap());
    let answer = Stage::new(app).stream().ask("GET", "/", "", "");
    assert!(answer.contains("\r\ndate: old\r\n") && answer.matches("date").count() == 1);
}

#[test]
fn answers_of_ours_can_be_read_by_a_page_that_may_connect() {
    let mut config = Config::default();
    config.origins = Origins::List(vec!["https://shop.example".into()]);
    config.limits.max_payload = 10;
    let mut app = App::with_config(config);
    app.files(Files::new().map("/static", env!("CARGO_MANIFEST_DIR")));
    app.fallback(|request: Request<Bytes>| match request.uri().path() {
        "/panics" => panic!("on purpose"),
        _ => Response::new(Bytes::new()),
    });
    let bare = {
        let mut config = Config::default();
        config.origins = Origins::List(vec!["https://shop.example".into()]);
        Stage::new(App::with_config(config))
    };
    let stage = Stage::new(app);
    let too_long = "Content-Length: 11\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (stage, status, method, target, fields, ours) in [
        (&stage, "200", "GET", "/own", "", false),
        (&stage, "200", "GET", "/static/Cargo.toml", "", false),
        (&stage, "500", "GET", "/panics", "", true),
        (&stage, "413", "POST", "/own", too_long, true),
        (&stage, "400", "POST", "/own", chunked, true),
        (&stage, "501", "CONNECT", "/own", "", true),
        (&stage, "400", "GET", "/own", "Host: b\r\n", true),
        (&bare, "404", "GET", "/own", "", true),
    ] {
        let body = if fields == chunked { "x\r\n" } else { "" };
        for (page, may) in [("shop", true), ("evil", false)] {
            let fields = format!("Origin: https://{page}.example\r\n{fields}");
            let answer = stage.stream().say(request(method, target, &fields, "") + body);
            assert_eq!(&answer[9..12], status, "{answer}");
            let allowed = answer.contains("access-control-allow-origin: https://shop.example\r\n");
            assert_eq!(allowed, ours && may, "{answer}");
        }
    }
    stage.io.stop();
    let answer = stage.stream().ask("GET", POLLING, "Origin: https://shop.example\r\n", "");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("access-control-allow-origin: https://shop.example\r\n"));
}
