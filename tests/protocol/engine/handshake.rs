//! How a session opens, and every request that opens none.

use sansocket::{Fields, Method, Origins, Request, RequestContext, Transports, Verdict};
use testbed::{Answer, NO_FIELDS, Sim, handshake, normal, request, upgrade};

const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const TRANSPORT: &str = r#"{"code":0,"message":"Transport unknown"}"#;
const SESSION: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const METHOD: &str = r#"{"code":2,"message":"Bad handshake method"}"#;
const REVISION: &str = r#"{"code":5,"message":"Unsupported protocol version"}"#;
const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const NOBODY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn ask(sim: &Sim, request: &str) -> Answer {
    let mut tcp = sim.tcp();
    tcp.send(request);
    tcp.answer().expect("it is answered")
}

fn get(sim: &Sim, target: &str) -> (u16, String) {
    let answer = ask(sim, &request("GET", target, "", ""));
    (answer.status, normal(&answer.body))
}

#[test]
fn polling_opens_with_five_keys_and_nothing_else() {
    let sim = Sim::new();
    let answer = ask(&sim, &handshake());
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        normal(&answer.body),
        r#"0{"sid":"…","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
    );
}

#[test]
fn websocket_opens_without_upgrades() {
    let sim = Sim::with(|config| {
        config.ping_interval = std::time::Duration::from_millis(300);
        config.ping_timeout = std::time::Duration::from_millis(200);
        config.limits.max_payload = 77;
    });
    let mut ws = sim.websocket_unread();
    assert_eq!(
        ws.recv(),
        r#"0{"sid":"…","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":77}"#
    );
    assert_eq!(ws.next(), None);
}

#[test]
fn sids_are_unique_and_28_letters_long() {
    let sim = Sim::new();
    let mut sids: Vec<_> = (0..50).map(|_| sim.polling().sid).collect();
    sids.sort();
    sids.dedup();
    assert_eq!(sids.len(), 50);
    assert!(sids.iter().all(|sid| sid.len() == 28));
}

#[test]
fn refusals_are_worded_as_by_the_javascript_server() {
    let sim = Sim::new();
    let own = sim.polling().target();
    for (target, body) in [
        ("/socket.io/?EIO=4", TRANSPORT),
        ("/socket.io/?EIO=4&transport=", TRANSPORT),
        ("/socket.io/?EIO=4&transport=abc", TRANSPORT),
        ("/socket.io/?EIO=4&transport=__proto__", TRANSPORT),
        ("/socket.io/?EIO=4&transport=constructor", TRANSPORT),
        ("/socket.io/?EIO=4&transport=webtransport", TRANSPORT),
        ("/socket.io/?EIO=4&transport[]=polling", TRANSPORT),
        ("/socket.io/?transport=polling", REVISION),
        ("/socket.io/?EIO=abc&transport=polling", REVISION),
        ("/socket.io/?EIO=3&transport=polling", REVISION),
        ("/socket.io/?EIO=9&transport=polling", REVISION),
        ("/socket.io/?EIO=4&transport=websocket", BAD_REQUEST),
        ("/socket.io/?EIO=4&transport=polling&sid=%20", SESSION),
        ("/socket.io/?EIO=4&transport=polling&j=0", BAD_REQUEST),
        (&own.replace("EIO=4", "EIO=4&j=0"), BAD_REQUEST),
        ("/socket.io/?EIO=4&transport=polling&sid=abc", SESSION),
        (&format!("/socket.io/?EIO=4&transport=polling&sid={NOBODY}"), SESSION),
        (&own.replace("polling", "websocket"), BAD_REQUEST),
        (&own.replace("EIO=4", "EIO=3"), BAD_REQUEST),
        (&own.replace("EIO=4&", ""), BAD_REQUEST),
    ] {
        let answer = ask(&sim, &request("GET", target, "", ""));
        assert_eq!((answer.status, &*answer.body), (400, body), "{target}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{target}");
    }
    assert_eq!(sim.counts().sessions, 1);
}

#[test]
fn an_empty_sid_opens_a_session() {
    let sim = Sim::new();
    for (n, sid) in ["&sid=", "&sid", "&sid=&t=x"].into_iter().enumerate() {
        let answer = ask(&sim, &request("GET", &format!("{POLLING}{sid}"), "", ""));
        assert!(answer.status == 200 && answer.body.starts_with("0{"), "{answer:?}");
        assert_eq!(sim.counts().sessions, n + 1);
    }
    for (method, target) in [("POST", "&sid="), ("GET", "&sid=&sid=x"), ("GET", "&sid=%00")] {
        let answer = ask(&sim, &request(method, &format!("{POLLING}{target}"), "", ""));
        assert_eq!(answer.status, 400, "{target}");
    }
    let mut ws = sim.tcp();
    ws.send(upgrade("/socket.io/?EIO=4&transport=websocket&sid="));
    assert_eq!(ws.answer().unwrap().status, 101);
    assert_eq!(sim.counts().sessions, 4);
}

#[test]
fn a_client_that_offers_http2_on_the_way_may_poll() {
    let sim = Sim::new();
    let offer =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    let open = ask(&sim, &request("GET", POLLING, offer, ""));
    assert!(open.status == 200 && open.body.starts_with("0{"), "{open:?}");
    let sid = open.body.split('"').nth(3).unwrap();
    let posted = ask(&sim, &request("POST", &format!("{POLLING}&sid={sid}"), offer, "40"));
    assert_eq!(posted.body, "ok");
    for (target, upgrade) in [
        ("/socket.io/?EIO=4&transport=websocket", "h2c"),
        (&format!("/socket.io/?EIO=4&transport=websocket&sid={sid}"), "h2c"),
        (POLLING, "websocket"),
        (POLLING, "h2c, websocket"),
    ] {
        let answer = ask(&sim, &request("GET", target, &format!("Upgrade: {upgrade}\r\n"), ""));
        assert_eq!(answer.body, BAD_REQUEST, "{target} {upgrade}");
    }
    assert_eq!(sim.counts().sessions, 1);
}

#[test]
fn k24_an_unknown_session_hints_at_sticky_sessions_which_websockets_do_not_need() {
    let open = "/socket.io/?EIO=4&transport=polling";
    let answer = ask(&Sim::new(), &request("GET", &format!("{open}&sid=abc"), "", ""));
    assert!(answer.hint.expect("there is a hint").contains("sticky sessions"));
    let sim = Sim::with(|config| config.transports.polling = false);
    assert_eq!(ask(&sim, &request("GET", open, "", "")).status, 400);
    assert_eq!(sim.counts().sessions, 0);
}

#[test]
fn refusals_say_what_to_do() {
    let mut sim = Sim::new();
    let evil = "Origin: http://evil.example\r\n";
    for (method, target, fields, hint) in [
        ("GET", "/socket.io/?EIO=4&transport=x", "", "polling or websocket"),
        ("GET", "/socket.io/?EIO=3&transport=polling", "", "socket.io-client 3 and 4"),
        ("GET", "/socket.io/?EIO=4&transport=polling", evil, "Config::origins"),
        ("GET", "/socket.io/?EIO=4&transport=websocket", "", "proxies"),
        ("POST", "/socket.io/?EIO=4&transport=polling", "", "GET"),
        ("GET", "/socket.io/?EIO=4&EIO=4&transport=polling", "", "more than once"),
        ("GET", "/socket.io/?EIO=4&transport=polling&j=3", "", "JSONP"),
    ] {
        let answer = ask(&sim, &request(method, target, fields, ""));
        let told = answer.hint.expect("there is a hint");
        assert!(told.contains(hint), "{target}: {told}");
    }
    let mut client = sim.polling();
    assert_eq!(
        client.try_post("4x").expect("it is answered").hint.as_deref(),
        Some("not a valid Socket.IO packet")
    );
    let polling = Sim::with(|config| {
        config.transports.websocket = false;
        config.transports.upgrades = false;
    });
    let answer = ask(&polling, &upgrade("/socket.io/?EIO=4&transport=websocket"));
    assert_eq!(
        answer.hint.as_deref(),
        Some("transport is polling: this server offers no WebSocket")
    );
    assert_eq!(sim.events(), [""; 0]);
}

#[test]
fn the_host_learns_the_rule_but_only_of_refusals() {
    let sim = Sim::new();
    let rule = |target: &str| {
        sim.on(0, |server, now| {
            let request = Request::new(Method::Get, target, Fields::host(&NO_FIELDS));
            let verdict = server.handle_request(now, request, RequestContext::default());
            let Verdict::Respond(response) = verdict else { panic!("{verdict:?}") };
            response.rule()
        })
    };
    assert_eq!(rule("/socket.io/?EIO=4&transport=polling"), None);
    let told = rule("/socket.io/?EIO=4&transport=polling&sid=x").expect("a rule");
    assert!(told.contains("no such session"), "{told}");
}

#[test]
fn a_handshake_is_a_get() {
    let sim = Sim::new();
    for method in ["POST", "PUT", "DELETE", "PROPFIND"] {
        let answer = ask(&sim, &request(method, "/socket.io/?EIO=4&transport=polling", "", ""));
        assert_eq!((answer.status, &*answer.body), (400, METHOD), "{method}");
    }
    let mut tcp = sim.tcp();
    tcp.send(request("HEAD", "/socket.io/?EIO=4&transport=polling", "", ""));
    let answer = String::from_utf8(tcp.take()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn checks_come_in_the_order_of_the_javascript_server() {
    let sim = Sim::new();
    let evil = "Origin: http://evil.example\r\n";
    for (method, target, fields, body) in [
        ("POST", "/socket.io/?EIO=3&transport=x&sid=abc", evil, TRANSPORT),
        ("POST", "/socket.io/?EIO=3&transport=polling&sid=abc", evil, ORIGIN),
        ("POST", "/socket.io/?EIO=3&transport=websocket&sid=abc", "", SESSION),
        ("POST", "/socket.io/?EIO=3&transport=websocket", "", METHOD),
        ("GET", "/socket.io/?EIO=3&transport=websocket", "", BAD_REQUEST),
        ("GET", "/socket.io/?EIO=3&transport=polling", "", REVISION),
    ] {
        let answer = ask(&sim, &request(method, target, fields, ""));
        assert_eq!((answer.status, &*answer.body), (400, body), "{method} {target}");
    }
}

#[test]
fn repeated_keys_of_the_protocol_are_refused_and_others_are_not() {
    let sim = Sim::new();
    for target in [
        "/socket.io/?EIO=4&EIO=3&transport=polling",
        "/socket.io/?EIO=4&EIO=4&transport=polling",
        "/socket.io/?EIO=4&transport=polling&transport=websocket",
        "/socket.io/?EIO=4&transport=polling&sid=a&sid=b",
    ] {
        assert_eq!(get(&sim, target), (400, BAD_REQUEST.into()), "{target}");
    }
    assert_eq!(get(&sim, "/socket.io/?EIO=4&transport=polling&t=1&t=2").0, 200);
    assert_eq!(get(&sim, "/socket.io/?EIO=4&transport=polling&sid[]=x").0, 200);
}

#[test]
fn only_the_exact_path_is_ours() {
    let sim = Sim::new();
    for path in ["/socket.io/", "/socket.io"] {
        assert_eq!(get(&sim, &format!("{path}?EIO=4&transport=polling")).0, 200, "{path}");
    }
    for path in [
        "/",
        "/socket.iox",
        "/socket.io-admin",
        "/socket.io/anything",
        "//socket.io/",
        "/Socket.IO/",
        "/socket%2eio/",
        "/a/socket.io/",
        "/engine.io/",
    ] {
        let answer = get(&sim, &format!("{path}?EIO=4&transport=polling"));
        assert_eq!(answer, (404, "Not Found".into()), "{path}");
    }
    assert_eq!(sim.counts().sessions, 2);
}

#[test]
fn transports_that_are_off_are_unknown() {
    let only = |polling, websocket, upgrades| {
        Sim::with(|config| {
            config.transports = Transports::default();
            config.transports.polling = polling;
            config.transports.websocket = websocket;
            config.transports.upgrades = upgrades;
        })
    };
    let sim = only(false, true, false);
    assert_eq!(get(&sim, "/socket.io/?EIO=4&transport=polling"), (400, TRANSPORT.into()));
    let sim = only(true, false, false);
    let answer = ask(&sim, &upgrade("/socket.io/?EIO=4&transport=websocket"));
    assert_eq!((answer.status, &*answer.body), (400, TRANSPORT));
    assert!(normal(&sim.polling().open).contains("\"upgrades\":[]"));
    let sim = only(true, false, true);
    let answer = ask(&sim, &upgrade("/socket.io/?EIO=4&transport=websocket"));
    assert_eq!((answer.status, &*answer.body), (400, BAD_REQUEST));
    assert_eq!(sim.polling().upgrade().next(), None);
}

#[test]
fn a_broken_websocket_handshake_opens_nothing() {
    let sim = Sim::new();
    let good = upgrade("/socket.io/?EIO=4&transport=websocket");
    for (from, to) in [
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Connection: Upgrade", "Connection: keep-alive"),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short"),
        ("transport=websocket", "transport=polling"),
    ] {
        let answer = ask(&sim, &good.replace(from, to));
        assert_eq!((answer.status, &*answer.body), (400, BAD_REQUEST), "{to}");
    }
    let answer = ask(&sim, &good.replace("EIO=4", "EIO=3"));
    assert_eq!((answer.status, &*answer.body), (400, REVISION));
    assert_eq!(sim.counts(), sansocket::Counts::default());
}

const ORIGIN: &str = r#"{"code":3,"message":"Origin not allowed"}"#;

fn from_page(sim: &Sim, origin: &str) -> Answer {
    let fields = format!("Origin: {origin}\r\n");
    ask(sim, &request("GET", "/socket.io/?EIO=4&transport=polling", &fields, ""))
}

#[test]
fn pages_of_the_same_host_may_connect_and_others_may_not() {
    let sim = Sim::new();
    for origin in ["http://a.example", "https://a.example", "http://a.example:80"] {
        let answer = from_page(&sim, origin);
        assert_eq!(answer.status, 200, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
    for origin in ["http://b.example", "http://a.example:81", "null", "http://a.example.evil", ""] {
        let answer = from_page(&sim, origin);
        assert_eq!((answer.status, &*answer.body), (400, ORIGIN), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[test]
fn a_foreign_page_may_not_open_a_websocket_either() {
    let sim = Sim::new();
    let client = sim.polling();
    for target in
        ["/socket.io/?EIO=4&transport=websocket", &client.target().replace("polling", "websocket")]
    {
        let foreign =
            upgrade(target).replace("Upgrade: w", "Origin: http://b.example\r\nUpgrade: w");
        assert_eq!(ask(&sim, &foreign).body, ORIGIN, "{target}");
    }
    assert_eq!((sim.counts().sessions, sim.counts().links), (1, 0));
}

#[test]
fn listed_pages_may_read_every_answer() {
    let sim = Sim::with(|config| {
        config.origins = Origins::List(vec!["https://shop.example".into()]);
    });
    let page = "Origin: https://shop.example\r\n";
    let sid = sim.polling().sid;
    let mut tcp = sim.tcp();
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    for (method, target, body, status) in [
        ("GET", "/socket.io/?EIO=4&transport=polling", "", 200),
        ("GET", "/socket.io/?EIO=3&transport=polling", "", 400),
        ("POST", &*target, "40", 200),
        ("GET", &target, "", 200),
        ("PUT", &target, "", 405),
        ("POST", &target, "1", 200),
        ("GET", &target, "", 200),
        ("GET", &target, "", 400),
    ] {
        tcp.send(request(method, target, page, body));
        let answer = tcp.answer().expect("answered");
        assert_eq!(answer.status, status, "{method} {target}");
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, Some("https://shop.example"), "{method} {target} {body}");
        assert_eq!(answer.header("vary"), Some("Origin"), "{method} {target}");
    }
    assert_eq!(from_page(&sim, "https://other.example").body, ORIGIN);
}

#[test]
fn a_held_poll_may_be_read_by_the_page_that_sent_it() {
    let sim = Sim::with(|config| config.origins = Origins::Any);
    let mut client = sim.polling();
    client.gets.send(request("GET", &client.target(), "Origin: null\r\n", ""));
    assert_eq!(client.answer(), None);
    client.posts.send(request("POST", &client.target(), "Origin: null\r\n", "40"));
    let answer = client.answer().expect("released");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn preflight_requests_are_answered() {
    let sim = Sim::with(|config| {
        config.origins = Origins::List(vec!["https://shop.example".into()]);
    });
    let preflight = |origin: &str| {
        let fields = format!("Origin: {origin}\r\nAccess-Control-Request-Headers: x-token\r\n");
        ask(&sim, &request("OPTIONS", "/socket.io/?EIO=4&transport=polling", &fields, ""))
    };
    let answer = preflight("https://shop.example");
    assert_eq!((answer.status, &*answer.body), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST, OPTIONS"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("x-token"));
    let answer = preflight("https://evil.example");
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("access-control-allow-headers"), None);
}

#[test]
fn the_application_learns_query_and_headers_of_the_handshake() {
    let mut sim = Sim::new();
    let mut tcp = sim.tcp();
    let target = "/socket.io/?EIO=4&transport=websocket&token=a%20b";
    tcp.send(upgrade(target).replace("Host:", "X-Conf: yes\r\nHost:"));
    let answer = tcp.answer().expect("answered");
    assert_eq!(answer.status, 101);
    sim.app(|app| app.holds = true);
    tcp.send(testbed::frame(0x81, br#"40{"token":1}"#));
    assert_eq!(sim.events(), [r#"connect 1 / {"token":1}"#]);
}
