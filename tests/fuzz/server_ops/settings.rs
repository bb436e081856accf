//! Settings, and their meaning for every answer.

use sansocket::{Config, Cookie, Origins, Response, SlowClient};
use std::time::Duration;

/// Pages that requests come from: none, one of this host, one that is listed, another.
pub(super) const PAGES: [Option<&str>; 4] =
    [None, Some("http://a.example"), Some(LISTED), Some("http://c.example")];
const LISTED: &str = "http://b.example";
const FIELD: (&str, &str) = ("x-served-by", "a");
const SLOW: [SlowClient; 4] =
    [SlowClient::Refuse, SlowClient::Skip, SlowClient::Drop, SlowClient::Disconnect];

/// Sets everything as the bits of `choice` say.
pub(super) fn choose(choice: u32, config: &mut Config) {
    let mut left = choice;
    let mut next = |of: u32| {
        let chosen = left % of;
        left /= of;
        chosen
    };
    config.slow = SLOW[next(4) as usize];
    config.origins = match next(5) {
        0 => Origins::SameOrigin,
        1 => Origins::Any,
        2 => Origins::List(vec![LISTED.into()]),
        3 => Origins::matching(|origin| origin == LISTED),
        _ => Origins::Unchecked,
    };
    config.credentials = next(2) == 1;
    config.cookie = (next(2) == 1).then(Cookie::default);
    config.headers = (next(2) == 1).then(|| (FIELD.0.into(), FIELD.1.into())).into_iter().collect();
    config.compression = [None, Some(0), Some(20), Some(1024)][next(4) as usize];
    match next(8) {
        0 => config.transports.upgrades = false,
        1 => config.transports.websocket = false,
        2 => config.transports.polling = false,
        _ => {}
    }
    config.monitor_clients = next(4) != 0;
    if next(4) == 0 {
        config.ping_interval = Duration::from_millis(1000);
        config.ping_timeout = Duration::from_millis(500);
        config.connect_timeout = Duration::from_millis(1500);
        config.close_timeout = Duration::from_millis(1);
    }
    let limits = &mut config.limits;
    limits.attachments = 2;
    limits.attachment_bytes = 100;
    limits.packets_per_poll = 3;
    if next(3) == 0 {
        limits.max_backlog = 40;
        limits.max_payload = 50;
        (limits.packets, limits.handshakes, limits.sessions) = (2, 2, 3);
        limits.bytes = 1000;
        (limits.rooms, limits.questions, limits.namespaces) = (1, 1, 1);
    } else {
        limits.max_backlog = 300;
        (limits.rooms, limits.questions, limits.namespaces) = (3, 3, 3);
    }
    config.allow_eio3 = next(2) == 1;
    config.allow_jsonp = next(2) == 1;
}

/// Checks the fields of an answer to a request of that page.
pub(super) fn check_answer(config: &Config, response: &Response, origin: Option<&str>) {
    let all = |name| fields(response, name).collect::<Vec<_>>();
    let named: Vec<_> = allowed(config, origin).into_iter().collect();
    assert_eq!(all("access-control-allow-origin"), named, "{response:?}");
    let credentials = config.credentials && !named.is_empty() && named != ["*"];
    let expected = credentials.then_some("true");
    assert_eq!(all("access-control-allow-credentials"), Vec::from_iter(expected));
    let own = config.headers.iter().map(|(_, value)| &**value);
    assert_eq!(all(FIELD.0), Vec::from_iter(own), "{response:?}");
    let is_long = config.compression.is_some_and(|least| response.body.len() >= least);
    assert!(is_long || !response.compress, "too short to be compressed: {response:?}");
}

/// Whether requests of that page are refused.
pub(super) fn is_refused(config: &Config, origin: Option<&str>) -> bool {
    let own = origin.is_none() || origin == PAGES[1];
    let open = matches!(config.origins, Origins::Any | Origins::Unchecked);
    !own && !open && allowed(config, origin).is_none()
}

/// Which pages may read the answer, when others than those of this host may.
fn allowed<'a>(config: &Config, origin: Option<&'a str>) -> Option<&'a str> {
    let origin = origin?;
    if config.origins == Origins::Any {
        return Some("*");
    }
    let judged = matches!(config.origins, Origins::List(_) | Origins::Matching(_));
    (judged && origin == LISTED).then_some(origin)
}

pub(super) fn fields<'a>(response: &'a Response, name: &str) -> impl Iterator<Item = &'a str> {
    response.headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| &**value)
}
