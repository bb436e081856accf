//! A real NATS server between two ends.

#[cfg(feature = "nkeys")]
mod users;

use brokers::promises::{self, CHANNEL, ODD};
use brokers::{Broker, Certificates, Played, Told, free_port};
use sansocket_bus::{BrokerError, Format};
use sansocket_nats::Nats;
use std::fs;
use std::sync::Arc;

fn drive(nats: Result<Nats, BrokerError>) -> Arc<Played> {
    Played::drive(nats.unwrap(), Format::Native)
}

fn url(server: &Broker) -> String {
    format!("nats://127.0.0.1:{}", server.port())
}

/// Makes ends that are connected to a server.
fn connecting(server: &Broker) -> impl Fn() -> Arc<Played> + use<> {
    let url = url(server);
    move || {
        let end = drive(Nats::new(&url));
        assert_eq!(end.connected(), Some(1024 * 1024));
        end
    }
}

fn lost(nats: Result<Nats, BrokerError>) -> String {
    let end = drive(nats);
    let Told::Lost(why) = end.next() else { panic!("connected") };
    end.close();
    why
}

/// Starts a server with the lines of a configuration.
fn configured(lines: &str) -> Broker {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("nats.conf");
    fs::write(&config, lines).unwrap();
    Broker::nats(&["--config", config.to_str().unwrap()])
}

#[test]
fn messages_arrive_in_order_at_all_subscribers() {
    let server = Broker::nats(&[]);
    promises::messages_arrive_in_order(&connecting(&server), &[CHANNEL, ODD]);
}

#[test]
fn what_is_published_is_confirmed_and_a_ping_is_answered() {
    let server = Broker::nats(&[]);
    promises::publishing_is_confirmed(&connecting(&server));
}

#[test]
fn an_unsubscribed_channel_is_silent() {
    let server = Broker::nats(&[]);
    promises::an_unsubscribed_channel_is_silent(&connecting(&server));
}

#[test]
fn closing_waits_for_what_was_published() {
    let server = Broker::nats(&[]);
    promises::closing_waits(&connecting(&server));
}

#[test]
fn what_came_while_a_process_was_busy_is_not_dropped() {
    // A server may give up who reads nothing for ten seconds.
    let server = configured("write_deadline: 2m");
    let connect = connecting(&server);
    let ends = [connect(), connect()];
    ends[0].subscribe(&[CHANNEL]);
    ends[0].hold();
    // The server keeps so many, and the library does not.
    let count = 150_000;
    ends[1].publish(CHANNEL, (0..count).map(|number| format!("{number:0100}")));
    ends[1].published(count);
    ends[0].release();
    for number in 0..count {
        assert_eq!(ends[0].delivered().1.parse(), Ok(number));
    }
}

#[test]
fn a_restarted_server_is_connected_to_again() {
    let mut server = Broker::nats(&[]);
    promises::a_restarted_server_is_connected_to_again(&connecting(&server), &mut server);
}

#[test]
fn a_frozen_server_is_given_up_at_once() {
    let server = Broker::nats(&[]);
    let why = "the server does not answer";
    promises::a_frozen_server_is_given_up_at_once(&connecting(&server), &server, why);
}

#[test]
fn a_server_that_reads_nothing_is_given_up() {
    let server = Broker::nats(&[]);
    let why = "the server reads nothing";
    promises::a_server_that_reads_nothing_is_given_up(&connecting(&server), &server, why);
}

#[test]
fn f11_a_wrong_password_and_a_missing_server_are_told() {
    let server = Broker::nats(&["--user", "me", "--pass", "p@ss"]);
    let with = |user: &str| format!("nats://{user}@127.0.0.1:{}", server.port());
    let why = lost(Nats::new(&with("me:wrong")));
    assert!(why.contains("authorization") && !why.contains("wrong"), "{why}");
    drive(Nats::new(&with("me:p%40ss"))).connected();
    lost(Nats::new(&format!("nats://127.0.0.1:{}", free_port())));
}

#[test]
fn a_token_is_presented() {
    let server = Broker::nats(&["--auth", "s3cret"]);
    drive(Nats::new(&format!("nats://s3cret@127.0.0.1:{}", server.port()))).connected();
    lost(Nats::new(&url(&server)));
}

#[test]
fn a_missing_right_is_told() {
    let users = r#"users = [{ user: me, password: pw, permissions: { publish: "_INBOX.>" } }]"#;
    let server = configured(&format!("authorization {{ {users} }}"));
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
fn tls_trusts_an_authority_and_shows_a_certificate() {
    let certificates = Certificates::make();
    let [authority, chain, key] =
        ["authority.pem", "server.pem", "server.key"].map(|name| certificates.file(name));
    let files = ["--tlscacert", &authority, "--tlscert", &chain, "--tlskey", &key];
    let server = Broker::nats(&[&["--tlsverify"], &files[..]].concat());
    let secure = || Nats::new(&format!("tls://localhost:{}", server.port())).unwrap();
    let trusting = || secure().root_certificates(certificates.authority.clone());
    let (chain, key) = certificates.client.clone();
    let end = drive(Ok(trusting().client_certificate(chain, key)));
    end.connected();
    end.subscribe(&[CHANNEL]);
    end.publish(CHANNEL, ["hidden"]);
    assert_eq!(end.delivered().1, "hidden");
    let why = lost(Ok(secure()));
    assert!(why.contains("certificate"), "{why}");
    lost(Ok(trusting()));
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
