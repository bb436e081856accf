//! A cluster of Kafka between two ends.

mod sasl;

use brokers::promises::{self, CHANNEL, ODD};
use brokers::{Broker, Certificates, Played, Told, free_port};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use sansocket_bus::{Command, Format};
use sansocket_kafka::Kafka;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

const SILENT: &str = "the brokers do not answer";

/// Makes ends that are connected to a cluster.
fn connecting(server: &Broker, format: Format) -> impl Fn() -> Arc<Played> + use<> {
    let url = format!("kafka://127.0.0.1:{}", server.port());
    move || {
        let end = Played::drive(Kafka::new(&url).unwrap(), format);
        assert_eq!(end.connected(), Some(1_000_000));
        end
    }
}

#[test]
fn messages_arrive_in_order_at_all_subscribers() {
    let server = Broker::kafka();
    promises::messages_arrive_in_order(&connecting(&server, Format::Native), &[CHANNEL, ODD]);
}

#[test]
fn channels_of_python_are_topics() {
    let server = Broker::kafka();
    promises::the_channel_of_python_reaches_all(&connecting(&server, Format::Python));
}

#[test]
fn what_is_published_is_confirmed_and_a_ping_is_answered() {
    let server = Broker::kafka();
    promises::publishing_is_confirmed(&connecting(&server, Format::Native));
}

#[test]
fn a_process_that_starts_reads_nothing_old() {
    let server = Broker::kafka();
    let connect = connecting(&server, Format::Native);
    let ends = [connect(), connect()];
    ends[0].publish(CHANNEL, ["old"; 10]);
    ends[0].published(10);
    ends[1].subscribe(&[CHANNEL]);
    ends[0].publish(CHANNEL, ["new"]);
    assert_eq!(ends[1].delivered().1, "new");
}

#[test]
fn a_lost_connection_misses_nothing() {
    let server = Broker::kafka();
    let part = |_: &Played, end: &Played| end.tell([Command::Disconnect]);
    let connect = connecting(&server, Format::Native);
    promises::a_lost_connection_misses_nothing(&connect, Duration::from_millis(100), part);
}

#[test]
fn an_unsubscribed_channel_is_silent() {
    let server = Broker::kafka();
    promises::an_unsubscribed_channel_is_silent(&connecting(&server, Format::Native));
}

#[test]
fn closing_waits_for_what_was_published() {
    let server = Broker::kafka();
    promises::closing_waits(&connecting(&server, Format::Native));
}

#[test]
fn large_messages_arrive() {
    let server = Broker::kafka();
    let end = connecting(&server, Format::Native)();
    end.subscribe(&[CHANNEL]);
    let text = "0123456789".repeat(95_000);
    end.publish(CHANNEL, vec![text.clone(); 5]);
    for _ in 0..5 {
        assert!(end.delivered().1 == text);
    }
}

#[test]
fn a_frozen_broker_is_given_up_at_once() {
    let server = Broker::kafka();
    let connect = connecting(&server, Format::Native);
    promises::a_frozen_server_is_given_up_at_once(&connect, &server, SILENT);
}

#[test]
fn brokers_that_write_nothing_down_are_given_up() {
    let server = Broker::kafka();
    let connect = connecting(&server, Format::Native);
    promises::a_server_that_reads_nothing_is_given_up(&connect, &server, SILENT);
}

#[test]
fn a_missing_broker_is_told() {
    let url = format!("kafka://127.0.0.1:{}", free_port());
    let end = Played::drive(Kafka::new(&url).unwrap(), Format::Native);
    assert!(matches!(end.next(), Told::Lost(_)));
    end.close();
    end.ended();
}

#[test]
fn a_broker_that_ends_is_noticed() {
    let mut server = Broker::kafka();
    let end = connecting(&server, Format::Native)();
    end.subscribe(&[CHANNEL]);
    server.kill();
    assert!(matches!(end.next(), Told::Lost(_)));
}

/// The handshake alone: the brokers of the tests speak no TLS.
#[test]
fn tls_trusts_an_authority_and_shows_a_certificate() {
    let certificates = Certificates::make();
    let succeeds = |prepare: &dyn Fn(Kafka) -> Kafka| {
        let (port, handshakes) = handshakes(&certificates);
        let kafka = Kafka::new(&format!("kafkas://localhost:{port}")).unwrap();
        let end = Played::drive(prepare(kafka), Format::Native);
        let succeeds = handshakes.recv().unwrap();
        end.close();
        succeeds
    };
    let (chain, key) = certificates.client.clone();
    let trusting = |kafka: Kafka| kafka.root_certificates(certificates.authority.clone());
    let shown = |kafka| trusting(kafka).client_certificate(chain.clone(), key.clone());
    assert!(succeeds(&shown));
    assert!(!succeeds(&trusting));
    assert!(!succeeds(&|kafka| kafka));
}

/// Returns a port at which clients with a certificate are let in, and whether each handshake succeeded.
fn handshakes(certificates: &Certificates) -> (u16, Receiver<bool>) {
    let pem = |name| CertificateDer::from_pem_file(certificates.file(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pem("authority.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let key = PrivateKeyDer::from_pem_file(certificates.file("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![pem("server.pem")], key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let is_done = connection.complete_io(&mut stream.unwrap()).is_ok();
            // The test may be over.
            let _ = tell.send(is_done);
        }
    });
    (port, told)
}
