//! What the settings of a server change.

use sansocket::{Config, ConfigError, Cookie, Event, Fields, Headers, Layer, Limits, Method};
use sansocket::{Origins, Request, RequestContext, SameSite, Server, Shard, Transmit, Verdict};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testbed::{Answer, Sim, Tcp, frame, handshake, request, upgrade};

const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

fn ask(tcp: &mut Tcp, request: impl AsRef<[u8]>) -> Answer {
    tcp.send(request);
    tcp.answer().expect("it is answered")
}

fn refused(set: impl FnOnce(&mut Config)) -> ConfigError {
    let mut config = Config::default();
    set(&mut config);
    config.check().expect_err("it is wrong")
}

#[test]
fn the_cookie_is_set_by_the_polling_handshake_only() {
    let sim = Sim::with(|config| config.cookie = Some(Cookie::default()));
    let mut tcp = sim.tcp();
    let answer = ask(&mut tcp, handshake());
    let sid = answer.body.split('"').nth(3).expect("a sid");
    let cookie = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(answer.header("set-cookie"), Some(&*cookie));
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    for again in [request("POST", &target, "", "40"), request("GET", &target, "", "")] {
        assert_eq!(ask(&mut tcp, again).header("set-cookie"), None);
    }
    assert_eq!(ask(&mut sim.tcp(), upgrade(WEBSOCKET)).header("set-cookie"), None);
    let refusal = request("GET", "/socket.io/?EIO=3&transport=polling", "", "");
    assert_eq!(ask(&mut tcp, refusal).header("set-cookie"), None);
}

#[test]
fn the_cookie_is_secure_when_a_trusted_proxy_was_asked_securely() {
    let secure = |trusted: bool| {
        let sim = Sim::with(|config| {
            config.cookie = Some(Cookie::named("sid"));
            config.trust_forwarded = trusted;
        });
        let fields = "X-Forwarded-Proto: https\r\n";
        let open = request("GET", "/socket.io/?EIO=4&transport=polling", fields, "");
        let answer = ask(&mut sim.tcp(), open);
        let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
        assert!(cookie.starts_with("sid="), "{cookie}");
        cookie.ends_with("; Secure")
    };
    assert!(secure(true));
    assert!(!secure(false));
}

#[test]
fn cookies_that_say_more_than_their_value_are_refused() {
    for (set, attribute) in [
        (Cookie::named("a;b"), "name"),
        (Cookie::named("a=b"), "name"),
        (Cookie::named("a\r\nset-cookie: b"), "name"),
        (Cookie::named(""), "name"),
        (with(|cookie| cookie.path = "/; HttpOnly".into()), "path"),
        (with(|cookie| cookie.path = "a".into()), "path"),
        (with(|cookie| cookie.path = "/\r\nx: y".into()), "path"),
        (with(|cookie| cookie.domain = Some("a.example; Secure".into())), "domain"),
    ] {
        let error = refused(|config| config.cookie = Some(set));
        let ConfigError::Cookie { attribute: found, .. } = error else { panic!("{error}") };
        assert_eq!(found, attribute);
    }
    let everywhere = with(|cookie| cookie.same_site = SameSite::None);
    let error = refused(|config| config.cookie = Some(everywhere));
    assert_eq!(error, ConfigError::CookieNotSecure);
    let mut config = Config::default();
    config.cookie = Some(Cookie::named("__Host-io"));
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn every_session_gets_the_initial_packet_behind_open() {
    let sim = Sim::with(|config| {
        config.initial_packet = Some("2[\"motd\",\"hi\"]".into());
        config.allow_eio3 = true;
    });
    let mut ws = sim.websocket_unread();
    assert!(ws.recv().starts_with("0{"));
    assert_eq!(ws.recv(), "42[\"motd\",\"hi\"]");
    assert_eq!(sim.polling().poll(), "42[\"motd\",\"hi\"]");
    let mut old = sim.websocket_with("EIO=3");
    let texts: Vec<_> = old.all();
    assert_eq!(texts.get(1), Some(&testbed::Item::Text("42[\"motd\",\"hi\"]".into())));
    let wrong = refused(|config| config.initial_packet = Some("a\u{1e}b".into()));
    assert_eq!(wrong, ConfigError::InitialPacket);
}

#[test]
fn a_host_gives_header_fields_to_single_answers() {
    let fields = [
        ("x-a", "1"),
        ("x-served-by", "me"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("content-length", "7"),
        ("cache-control", "private"),
        ("x-b", "1\r\nx-c: 2"),
        ("x d", "1"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut config = Config::default();
    config.headers = vec![("x-served-by".into(), "us".into())];
    config.cookie = Some(Cookie::default());
    let mut host = Host::new(config);
    let open = host.ask(Method::Get, "", &fields);
    let Verdict::Respond(open) = open else { panic!("{open:?}") };
    let body = String::from_utf8(open.body.to_vec()).unwrap();
    let sid = body.split('"').nth(3).expect("a sid").to_owned();
    let names: Vec<&str> = open.headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        ["set-cookie", "x-a", "x-served-by", "set-cookie", "set-cookie", "cache-control"]
    );
    assert_eq!(open.headers[2].1, "me");
    // A poll that is held, and the POST that answers it.
    let session = format!("&sid={sid}");
    let Verdict::Hold(Some(poll)) = host.ask(Method::Get, &session, &fields[..1]) else { panic!() };
    let Verdict::Body { link: Some(post), .. } = host.ask(Method::Post, &session, &fields[1..2])
    else {
        panic!()
    };
    let Verdict::Respond(posted) = host.server.handle_body(host.now, post, b"40") else { panic!() };
    assert_eq!(posted.headers, [("x-served-by".into(), "me".into())]);
    while let Some(event) = host.server.poll_event() {
        if let Event::Connect { socket, .. } = event {
            host.server.admit(host.now, socket).unwrap();
        }
    }
    let Some(Transmit::Response(polled)) = host.server.poll_transmit(poll) else { panic!() };
    assert_eq!(
        polled.headers,
        [("x-a", "1"), ("x-served-by", "us")].map(|(a, b)| (a.into(), b.into()))
    );
    // A poll that the end of its session answers.
    let Verdict::Hold(Some(poll)) = host.ask(Method::Get, &session, &fields[..1]) else { panic!() };
    assert!(matches!(host.ask(Method::Get, &session, &[]), Verdict::Respond(_)));
    let Some(Transmit::Response(closed)) = host.server.poll_transmit(poll) else { panic!() };
    assert!(closed.headers.contains(&("x-a".into(), "1".into())), "{closed:?}");
    // And one whose connection goes.
    let Verdict::Respond(open) = host.ask(Method::Get, "", &[]) else { panic!() };
    let body = String::from_utf8(open.body.to_vec()).unwrap();
    let session = format!("&sid={}", body.split('"').nth(3).expect("a sid"));
    let Verdict::Hold(Some(poll)) = host.ask(Method::Get, &session, &fields[..1]) else { panic!() };
    host.server.handle_closed(host.now, poll);
    assert_eq!(host.server.poll_transmit(poll).map(|_| ()), None);
}

#[test]
fn refusals_have_the_numbers_of_the_javascript_server() {
    let mut host = Host::new(Config::default());
    let targets = [
        ("transport=x", Some(0)),
        ("transport=polling&sid=x&EIO=4", Some(1)),
        ("transport=websocket&EIO=4", Some(3)),
        ("transport=polling&EIO=3", Some(5)),
        ("transport=polling&EIO=4", None),
    ];
    for (query, code) in targets {
        let target = format!("/socket.io/?{query}");
        let request = Request::new(Method::Get, &target, Fields::host(&Plain));
        let context = RequestContext::default();
        let Verdict::Respond(response) = host.server.handle_request(host.now, request, context)
        else {
            panic!("{query}")
        };
        assert_eq!(response.code(), code, "{query}");
    }
    let Verdict::Respond(response) = host.ask(Method::Post, "", &[]) else { panic!() };
    assert_eq!(response.code(), Some(2));
}

/// A shard whose requests a host parses.
struct Host {
    server: Server,
    now: Instant,
}

impl Host {
    fn new(config: Config) -> Self {
        let now = Instant::now();
        Self { server: Server::new(Arc::new(config), Shard::ONLY, [7; 32], now), now }
    }

    /// Asks on polling; the answer is to have these fields.
    fn ask(&mut self, method: Method, session: &str, fields: &[(String, String)]) -> Verdict {
        let target = format!("/socket.io/?EIO=4&transport=polling{session}");
        let mut context = RequestContext::default();
        context.headers = fields;
        let request = Request::new(method, &target, Fields::host(&Plain));
        self.server.handle_request(self.now, request, context)
    }
}

/// The header of a request.
struct Plain;

impl Headers for Plain {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        each("host", b"a.example");
    }
}

fn with(set: impl FnOnce(&mut Cookie)) -> Cookie {
    let mut cookie = Cookie::default();
    set(&mut cookie);
    cookie
}

/// A limit, a value it cannot have, and how to set it.
type Impossible = (&'static str, &'static [usize], fn(&mut Limits, usize));

#[test]
fn limits_that_cannot_work_are_found() {
    let impossible: [Impossible; 15] = [
        ("head", &[0, 127, usize::MAX], |limits, value| limits.head = value),
        ("headers", &[0, 129], |limits, value| limits.headers = value),
        ("max_payload", &[0, 1, usize::MAX], |limits, value| limits.max_payload = value),
        ("fragments", &[0], |limits, value| limits.fragments = value as u32),
        ("packets", &[0], |limits, value| limits.packets = value),
        ("attachments", &[u32::MAX as usize], |limits, value| limits.attachments = value as u32),
        ("attachment_bytes", &[usize::MAX], |limits, value| limits.attachment_bytes = value),
        ("handshakes", &[0], |limits, value| limits.handshakes = value),
        ("sessions", &[0, usize::MAX], |limits, value| limits.sessions = value),
        ("bytes", &[0, 1023, usize::MAX], |limits, value| limits.bytes = value),
        ("namespaces", &[0], |limits, value| limits.namespaces = value as u16),
        ("namespace_name", &[0], |limits, value| limits.namespace_name = value),
        ("max_backlog", &[0, 1023, usize::MAX], |limits, value| limits.max_backlog = value),
        ("low_water", &[0, usize::MAX], |limits, value| limits.low_water = value),
        ("packets_per_poll", &[0, usize::MAX], |limits, value| limits.packets_per_poll = value),
    ];
    for (name, values, set) in impossible {
        for &value in values {
            let error = refused(|config| set(&mut config.limits, value));
            let ConfigError::Limit { name: found, value: was, least, most } = error else {
                panic!("{name}: {error:?}")
            };
            assert_eq!((found, was), (name, value));
            let message = format!("Config::limits.{name} is {value}: set it to between");
            assert!(error.to_string().starts_with(&message), "{error}");
            for bound in [least, most] {
                let mut config = Config::default();
                set(&mut config.limits, bound);
                assert_eq!(config.check(), Ok(()), "{name} {bound}");
            }
        }
    }
    let zero = Duration::ZERO;
    for (name, error) in [
        ("limits.head_time", refused(|config| config.limits.head_time = zero)),
        ("limits.body_time", refused(|config| config.limits.body_time = zero)),
        ("limits.idle_time", refused(|config| config.limits.idle_time = zero)),
        ("limits.rate_window", refused(|config| config.limits.rate_window = zero)),
        ("limits.attachment_time", refused(|config| config.limits.attachment_time = zero)),
    ] {
        assert_eq!(error, ConfigError::Zero(name));
    }
}

#[test]
fn no_handshakes_are_fine_where_none_are_counted() {
    let mut config = Config::default();
    config.layer = Layer::EngineIo;
    config.limits.handshakes = 0;
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn the_least_of_every_limit_serves_a_client() {
    let sim = Sim::with(|config| {
        config.limits.packets_per_poll = 1;
        config.limits.max_backlog = 1024;
        config.limits.low_water = 1;
        config.limits.namespaces = 1;
        config.limits.handshakes = 1;
        assert_eq!(config.check(), Ok(()));
    });
    let mut ws = sim.joined();
    sim.socket(1).emit("x", "[]").unwrap();
    assert_eq!(ws.recv(), "42[\"x\"]");
    let mut client = sim.polling();
    client.join("/");
    sim.socket(2).emit("x", "[]").unwrap();
    assert_eq!(client.poll(), "42[\"x\"]");
}

#[test]
fn a_limit_without_end_refuses_a_body_all_the_same() {
    let sim = Sim::with(|config| config.limits.max_payload = usize::MAX);
    let answer = ask(&mut sim.tcp(), request("POST", "/elsewhere", "", "x"));
    assert_eq!(answer.status, 404);
}

#[test]
fn settings_that_cannot_work_are_found() {
    assert_eq!(Config::default().check(), Ok(()));
    for path in ["", "socket.io/", "/socket.io", "/a b/", "/a?b/", "/é/"] {
        assert_eq!(refused(|config| config.path = path.into()), ConfigError::Path(path.into()));
    }
    assert_eq!(
        refused(|config| config.ping_interval = Duration::ZERO),
        ConfigError::Zero("ping_interval")
    );
    assert_eq!(
        refused(|config| config.ping_timeout = Duration::from_micros(1)),
        ConfigError::Zero("ping_timeout")
    );
    let off = refused(|config| {
        config.transports.polling = false;
        config.transports.websocket = false;
    });
    assert_eq!(off, ConfigError::NoTransport);
    for origin in ["shop.example", "https://", "https://a/", "*", "https://*.a", "https://A"] {
        let error = refused(|config| config.origins = Origins::List(vec![origin.into()]));
        assert_eq!(error, ConfigError::Origin(origin.into()));
    }
    for (name, value) in
        [("a b", ""), ("", ""), ("Content-Length", "5"), ("x", "a\r\nset-cookie: b"), ("x", "\0")]
    {
        let error = refused(|config| config.headers.push((name.into(), value.into())));
        assert!(matches!(error, ConfigError::Header { name: found, .. } if found == name));
    }
    let mut config = Config::default();
    config.origins = Origins::List(["https://a.example:8443", "null"].map(Into::into).into());
    config.headers.push(("X-Frame-Options".into(), "DENY".into()));
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn configured_headers_are_on_every_answer() {
    let sim = Sim::with(|config| config.headers.push(("x-served-by".into(), "us".into())));
    let mut tcp = sim.tcp();
    let opened = ask(&mut tcp, handshake());
    let sid = opened.body.split('"').nth(3).expect("a sid");
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let mut answers = vec![opened.clone()];
    for (method, body) in [("OPTIONS", ""), ("POST", "40"), ("GET", ""), ("PUT", "")] {
        answers.push(ask(&mut tcp, request(method, &target, "", body)));
    }
    // A poll that is held is answered later, by another way.
    tcp.send(request("GET", &target, "", ""));
    assert_eq!(tcp.answer(), None);
    sim.socket(1).emit("late", "[]").expect("it waits");
    answers.push(tcp.answer().expect("released"));
    answers.push(ask(&mut tcp, request("POST", &target, "", "nonsense")));
    answers.push(ask(&mut tcp, request("GET", &target, "", "")));
    answers.push(ask(&mut sim.tcp(), upgrade(WEBSOCKET)));
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 204, 200, 200, 405, 200, 400, 400, 101]);
    for answer in answers {
        assert_eq!(answer.header("x-served-by"), Some("us"), "{}", answer.head);
    }
}

#[test]
fn the_grace_is_told_to_clients_and_changes_nothing_else() {
    let mut sim = Sim::with(|config| {
        config.ping_interval = Duration::from_millis(1000);
        config.ping_grace = Duration::from_millis(500);
        config.ping_timeout = Duration::from_millis(200);
    });
    let mut ws = sim.websocket_unread();
    let open = ws.recv();
    assert!(open.contains("\"pingInterval\":1500,\"pingTimeout\":200,"), "{open}");
    ws.join("/");
    sim.advance(999);
    assert_eq!(ws.next(), None);
    sim.advance(1);
    assert_eq!(ws.recv(), "2");
    sim.advance(200);
    assert_eq!(sim.events()[1..], ["disconnect 1 PingTimeout"]);
}

#[test]
fn clients_that_are_not_monitored_are_pinged_and_kept() {
    let mut sim = Sim::with(|config| config.monitor_clients = false);
    let mut ws = sim.joined();
    sim.advance(25_000);
    assert_eq!(ws.recv(), "2");
    sim.advance(24 * 3600 * 1000);
    assert_eq!(ws.next(), None, "the next PING waits for the PONG");
    ws.tcp.send(frame(0x81, b"3"));
    sim.advance(25_000);
    assert_eq!(ws.recv(), "2");
    assert_eq!(sim.events().len(), 1, "nobody left");
}

#[test]
fn a_trusted_proxy_tells_the_address_and_the_scheme() {
    let seen = |trusted: bool| {
        let sim = Sim::with(|config| config.trust_forwarded = trusted);
        let fields = "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\
                      Cookie: a=b; session=s3cret\r\n";
        let mut tcp = sim.tcp();
        tcp.send(upgrade(WEBSOCKET).replace("Host:", &format!("{fields}Host:")));
        assert_eq!(tcp.answer().expect("it is answered").status, 101);
        tcp.send(frame(0x81, b"40"));
        let handshake = sim.handshake(1);
        assert_eq!((handshake.path(), handshake.query()), ("/socket.io/", &WEBSOCKET[12..]));
        assert_eq!(handshake.cookie("session"), Some("s3cret"));
        (handshake.peer().map(|peer| peer.to_string()), handshake.is_secure())
    };
    assert_eq!(seen(true), (Some("203.0.113.9:0".into()), true));
    assert_eq!(seen(false), (None, false));
}
