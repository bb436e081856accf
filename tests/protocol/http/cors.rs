//! Which pages may connect, and which may read the answers.

use sansocket::{Config, ConfigError, Fields, Method, Origins, Request, RequestContext, Response};
use testbed::{Answer, Polling, Sim, request, upgrade};

const OPEN: &str = "/socket.io/?EIO=4&transport=polling";

fn ask(sim: &Sim, method: &str, target: &str, fields: &str) -> Answer {
    let mut tcp = sim.tcp();
    tcp.send(request(method, target, fields, ""));
    tcp.answer().expect("it is answered")
}

fn open(sim: &Sim, fields: &str) -> Answer {
    ask(sim, "GET", OPEN, fields)
}

fn shop() -> Origins {
    Origins::List(vec!["https://shop.example".into()])
}

fn get_from(client: &mut Polling, fields: &str) -> Answer {
    client.gets.send(request("GET", &client.target(), fields, ""));
    client.answer().expect("something waits")
}

#[test]
fn a_function_may_decide() {
    let sim = Sim::with(|config| {
        config.origins = Origins::matching(|origin| origin.ends_with(".shop.example"));
    });
    let answer = open(&sim, "Origin: https://eu.shop.example\r\n");
    assert_eq!(answer.status, 200);
    let allowed = answer.header("access-control-allow-origin");
    assert_eq!((allowed, answer.header("vary")), (Some("https://eu.shop.example"), Some("Origin")));
    assert_eq!(open(&sim, "Origin: https://a.example\r\n").status, 200, "the same host");
    assert_eq!(open(&sim, "").status, 200, "no browser");
    let answer = open(&sim, "Origin: https://evil.example\r\n");
    assert_eq!((answer.status, answer.header("vary")), (400, Some("Origin")));
    let foreign = upgrade("/socket.io/?EIO=4&transport=websocket")
        .replace("Upgrade: w", "Origin: https://evil.example\r\nUpgrade: w");
    let mut tcp = sim.tcp();
    tcp.send(foreign);
    assert_eq!(tcp.answer().expect("it is answered").status, 400);
}

#[test]
fn a_list_holds_for_websockets_too() {
    let sim = Sim::with(|config| config.origins = shop());
    let mut tcp = [("shop", 101), ("evil", 400)].map(|(page, status)| {
        let mut tcp = sim.tcp();
        let origin = format!("Origin: https://{page}.example\r\nUpgrade: w");
        tcp.send(upgrade("/socket.io/?EIO=4&transport=websocket").replace("Upgrade: w", &origin));
        (tcp, status)
    });
    for (tcp, status) in &mut tcp {
        assert_eq!(tcp.answer().expect("it is answered").status, *status);
    }
}

#[test]
fn unchecked_lets_everybody_in_and_adds_nothing() {
    let sim = Sim::with(|config| config.origins = Origins::Unchecked);
    for origin in ["https://evil.example", "null", "nonsense"] {
        let answer = open(&sim, &format!("Origin: {origin}\r\n"));
        assert_eq!(answer.status, 200, "{origin}");
        assert!(!answer.head.contains("access-control"), "{}", answer.head);
        assert_eq!(answer.header("vary"), None);
    }
}

#[test]
fn null_may_connect_only_when_it_is_listed() {
    let null = "Origin: null\r\n";
    assert_eq!(open(&Sim::with(|config| config.origins = shop()), null).status, 400);
    let listed = |config: &mut Config| config.origins = Origins::List(vec!["null".into()]);
    let answer = open(&Sim::with(listed), null);
    assert_eq!(answer.header("access-control-allow-origin"), Some("null"));
}

#[test]
fn credentials_are_for_the_pages_that_were_chosen() {
    let with = |origins: Origins| {
        Sim::with(|config| {
            config.origins = origins;
            config.credentials = true;
        })
    };
    let allowed = |answer: &Answer| answer.header("access-control-allow-credentials").is_some();
    let page = "Origin: https://shop.example\r\n";
    let sim = with(shop());
    assert!(allowed(&open(&sim, page)));
    assert!(allowed(&ask(&sim, "OPTIONS", OPEN, page)), "the preflight too");
    assert!(allowed(&ask(&sim, "GET", "/socket.io/?EIO=3&transport=polling", page)));
    let mut client = sim.polling();
    client.join("/");
    sim.socket(1).emit("a", "[]").expect("it waits");
    assert!(allowed(&get_from(&mut client, page)), "polls too");
    for fields in ["", "Origin: https://a.example\r\n", "Origin: https://evil.example\r\n"] {
        assert!(!allowed(&open(&sim, fields)), "{fields}");
        assert!(!allowed(&ask(&sim, "OPTIONS", OPEN, fields)), "{fields}");
    }
    assert!(!allowed(&open(&with(Origins::Any), page)), "never for every page");
    assert!(!allowed(&open(&with(Origins::Unchecked), page)));
}

#[test]
fn credentials_for_every_page_are_refused_before_serving() {
    let mut config = Config::default();
    config.credentials = true;
    assert_eq!(config.check(), Ok(()));
    config.origins = Origins::Any;
    assert_eq!(config.check(), Err(ConfigError::CredentialsForAny));
}

#[test]
fn a_trusted_proxy_names_further_hosts() {
    let page = "Origin: https://shop.example\r\n";
    let said = |proto: &str, host: &str| {
        format!("{page}X-Forwarded-Proto: {proto}\r\nX-Forwarded-Host: {host}\r\n")
    };
    let trusting = Sim::with(|config| config.trust_forwarded = true);
    for (fields, status) in [
        (said("https", "shop.example"), 200),
        (said("https, http", "shop.example, inner.example"), 200),
        (said("https", "shop.example:443"), 200),
        (said("http", "shop.example"), 400),
        (said("https", "inner.example, shop.example"), 400),
        (said("https", "evil.example"), 400),
        (format!("{page}X-Forwarded-Host: shop.example\r\n"), 200),
        (format!("{page}X-Forwarded-Proto: https\r\n"), 400),
        ("Origin: https://a.example\r\nX-Forwarded-Host: shop.example\r\n".into(), 200),
    ] {
        let answer = open(&trusting, &fields);
        assert_eq!(answer.status, status, "{fields}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{fields}");
    }
    let wary = Sim::new();
    assert_eq!(open(&wary, &said("https", "shop.example")).status, 400, "nobody is believed");
}

/// C23: the page that asked is told no more than it may know.
#[test]
fn answers_to_requests_that_cannot_be_read_can_be_read_by_pages_that_may_connect() {
    let sim = Sim::with(|config| {
        config.origins = shop();
        config.credentials = true;
        config.headers.push(("x-served-by".into(), "us".into()));
    });
    let many = "A: b\r\n".repeat(96);
    let long = format!("Cookie: {}\r\n", "c".repeat(20_000));
    for (fields, status) in
        [(&*many, 431), (&long, 431), ("Content-Length: +1\r\n", 400), ("X: \0\r\n", 400)]
    {
        for (page, allowed, vary) in [
            ("https://shop.example", Some("https://shop.example"), Some("Origin")),
            ("https://evil.example", None, Some("Origin")),
            ("https://a.example", None, None),
        ] {
            let answer = ask(&sim, "POST", OPEN, &format!("Origin: {page}\r\n{fields}"));
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{page}");
            let credentials = answer.header("access-control-allow-credentials");
            assert_eq!(credentials.is_some(), allowed.is_some(), "{page}");
            assert_eq!(answer.header("vary"), vary, "{page}");
            assert_eq!(answer.header("x-served-by"), Some("us"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        }
    }
    let late = format!("{long}Origin: https://shop.example\r\n");
    let answer = ask(&sim, "GET", OPEN, &late);
    assert_eq!(answer.header("access-control-allow-origin"), None, "it was not read");
}

#[test]
fn bodies_too_large_are_refused_so_that_a_page_that_may_connect_sees_why() {
    for (page, allowed) in [("shop", true), ("a", false)] {
        let sim = Sim::with(|config| {
            config.origins = shop();
            config.limits.max_payload = 100;
        });
        let mut client = sim.polling();
        let field = format!("Origin: https://{page}.example\r\n");
        client.posts.send(request("POST", &client.target(), &field, &"x".repeat(101)));
        let answer = client.posts.answer().expect("it is answered");
        assert_eq!(answer.status, 413);
        assert_eq!(answer.header("access-control-allow-origin").is_some(), allowed, "{page}");
    }
}

#[test]
fn an_embedder_dresses_its_own_answers() {
    let mut config = Config::default();
    config.origins = Origins::matching(|origin| origin == "https://shop.example");
    config.headers.push(("x-served-by".into(), "us".into()));
    let dressed = |response: Response, origin: &'static str| {
        let fields = [("origin", origin)];
        let request = Request::new(Method::Get, "/", Fields::host(&fields));
        config.dress(response, &request, &RequestContext::default()).headers
    };
    let [allow, vary, ours] = [
        ("access-control-allow-origin", "https://shop.example"),
        ("vary", "Origin"),
        ("x-served-by", "us"),
    ]
    .map(|(name, value)| (name.into(), value.into()));
    let busy = || Response::status(503);
    assert_eq!(dressed(busy(), "https://shop.example"), [allow, vary.clone(), ours.clone()]);
    assert_eq!(dressed(busy(), "https://evil.example"), [vary, ours.clone()]);
    let own = busy().header("access-control-allow-origin", "*");
    let star = ("access-control-allow-origin".into(), "*".into());
    assert_eq!(dressed(own, "https://evil.example"), [star, ours], "what it has of its own stays");
}
