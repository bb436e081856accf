//! A real NATS server between two ends.

use brokers::{Broker, Played, Told, free_port};
use sansocket_bus::{BrokerError, Command, Format, Subscription};
use sansocket_nats::Nats;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CHANNEL: &str = "sansocket:n:/";
const ODD: &str = "sansocket:n:/a.b *>\n:é";

fn drive(nats: Result<Nats, BrokerError>) -> Arc<Played> {
    Played::drive(nats.unwrap(), Format::Native)
}

fn url(server: &Broker) -> String {
    format!("nats://127.0.0.1:{}", server.port())
}

fn connect(server: &Broker) -> Arc<Played> {
    let end = drive(Nats::new(&url(server)));
    assert_eq!(end.connected(), Some(1024 * 1024));
    end
}

#[test]
fn messages_arrive_in_order_at_all_subscribers() {
    let server = Broker::nats(&[]);
    let ends = [connect(&server), connect(&server)];
    for end in &ends {
        end.subscribe(&[CHANNEL, ODD]);
    }
    let texts: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    ends[0].publish(CHANNEL, texts.clone());
    ends[1].publish(ODD, ["odd"]);
    for end in &ends {
        let mut odd = 0;
        let mut came = Vec::new();
        while came.len() < texts.len() || odd < 1 {
            match end.delivered() {
                (channel, text) if channel == CHANNEL => came.push(text),
                (channel, text) => {
                    assert_eq!((&*channel, &*text), (ODD, "odd"));
                    odd += 1;
                }
            }
        }
        assert_eq!(came, texts);
    }
}

#[test]
fn what_is_published_is_confirmed_and_a_ping_is_answered() {
    let server = Broker::nats(&[]);
    let end = connect(&server);
    end.publish(CHANNEL, ["1", "2", "3"]);
    end.published(3);
    end.tell([Command::Ping]);
    assert_eq!(end.next(), Told::Pong);
}

#[test]
fn an_unsubscribed_channel_is_silent() {
    let server = Broker::nats(&[]);
    let end = connect(&server);
    end.subscribe(&[CHANNEL, ODD]);
    end.tell([Command::Unsubscribe(Subscription::Exact(CHANNEL.into()))]);
    end.publish(CHANNEL, ["unheard"]);
    end.publish(ODD, ["heard"]);
    assert_eq!(end.delivered(), (ODD.into(), "heard".into()));
}

#[test]
fn closing_waits_for_what_was_published() {
    let server = Broker::nats(&[]);
    let ends = [connect(&server), connect(&server)];
    ends[0].subscribe(&[CHANNEL]);
    let texts: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    ends[1].publish(CHANNEL, texts.clone());
    ends[1].close();
    ends[1].ended();
    for text in texts {
        assert_eq!(ends[0].delivered().1, text);
    }
}

#[test]
fn a_restarted_server_is_connected_to_again() {
    let mut server = Broker::nats(&[]);
    let end = connect(&server);
    end.subscribe(&[CHANNEL]);
    server.kill();
    assert!(matches!(end.next(), Told::Lost(_)));
    server.restart();
    end.connected();
    // Subscriptions are the node's: it asks for them anew.
    end.subscribe(&[CHANNEL]);
    end.publish(CHANNEL, ["once"]);
    assert_eq!(end.next(), Told::Delivered(CHANNEL.into(), b"once".to_vec().into()));
    assert_eq!(end.next(), Told::Published(None));
}

#[test]
fn a_frozen_server_is_given_up_at_once() {
    let server = Broker::nats(&[]);
    let end = connect(&server);
    server.freeze();
    end.tell([Command::Ping]);
    end.publish(CHANNEL, ["into the void"; 10]);
    end.tell([Command::Disconnect]);
    let start = Instant::now();
    assert_eq!(end.next(), Told::Lost("the server does not answer".into()));
    assert!(start.elapsed() < Duration::from_secs(2));
    server.thaw();
}

#[test]
fn a_server_that_reads_nothing_is_given_up() {
    let server = Broker::nats(&[]);
    let end = connect(&server);
    server.freeze();
    end.publish(CHANNEL, (0..100).map(|_| vec![0; 500_000]));
    assert_eq!(end.next(), Told::Lost("the server reads nothing".into()));
    server.thaw();
}

#[test]
fn a_wrong_password_and_a_missing_server_are_told() {
    let server = Broker::nats(&["--user", "me", "--pass", "p@ss"]);
    let with = |user: &str| format!("nats://{user}@127.0.0.1:{}", server.port());
    let end = drive(Nats::new(&with("me:wrong")));
    let Told::Lost(why) = end.next() else { panic!("connected") };
    assert!(why.contains("authorization"), "{why}");
    end.close();
    let end = drive(Nats::new(&with("me:p%40ss")));
    end.connected();
    let url = format!("nats://127.0.0.1:{}", free_port());
    let end = drive(Nats::new(&url));
    assert!(matches!(end.next(), Told::Lost(_)));
    end.close();
}

#[test]
fn a_missing_right_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("nats.conf");
    let users = r#"users = [{ user: me, password: pw, permissions: { publish: "_INBOX.>" } }]"#;
    fs::write(&config, format!("authorization {{ {users} }}")).unwrap();
    let server = Broker::nats(&["--config", config.to_str().unwrap()]);
    let url = format!("nats://me:pw@127.0.0.1:{}", server.port());
    let end = drive(Nats::new(&url));
    end.connected();
    end.publish(CHANNEL, ["refused"]);
    let mut told = end.next();
    if told == Told::Published(None) {
        told = end.next();
    }
    let Told::Lost(why) = told else { panic!("{told:?}") };
    assert!(why.contains("Permissions Violation"), "{why}");
    end.close();
}

#[test]
fn a_format_that_needs_redis_is_refused() {
    let server = Broker::nats(&[]);
    let end = Played::drive(Nats::new(&url(&server)).unwrap(), Format::Classic);
    assert!(matches!(end.next(), Told::Lost(why) if why.contains("needs Redis")));
    end.close();
}

#[test]
fn the_first_server_that_answers_is_taken() {
    let server = Broker::nats(&[]);
    let url = format!("nats://127.0.0.1:{},127.0.0.1:{}", free_port(), server.port());
    drive(Nats::new(&url)).connected();
}
