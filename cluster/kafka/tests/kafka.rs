//! A cluster of Kafka between two ends.

use brokers::{Broker, Played, Told, free_port};
use sansocket_bus::{Command, Format, Subscription};
use sansocket_kafka::Kafka;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CHANNEL: &str = "sansocket:n:/";
const ODD: &str = "sansocket:n:/a.b *#:é";

fn connect(server: &Broker, format: Format) -> Arc<Played> {
    let url = format!("kafka://127.0.0.1:{}", server.port());
    let end = Played::drive(Kafka::new(&url).unwrap(), format);
    assert_eq!(end.connected(), Some(1_000_000));
    end
}

#[test]
fn messages_arrive_in_order_at_all_subscribers() {
    let server = Broker::kafka();
    let ends = [connect(&server, Format::Native), connect(&server, Format::Native)];
    for end in &ends {
        end.subscribe(&[CHANNEL, ODD]);
    }
    let texts: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    ends[0].publish(CHANNEL, texts.clone());
    ends[1].publish(ODD, ["odd"]);
    for end in &ends {
        let (mut came, mut odd) = (Vec::new(), 0);
        while came.len() < texts.len() || odd < 1 {
            match end.delivered() {
                (channel, text) if channel == CHANNEL => came.push(text),
                other => {
                    assert_eq!(other, (ODD.into(), "odd".into()));
                    odd += 1;
                }
            }
        }
        assert_eq!(came, texts);
    }
}

#[test]
fn channels_of_python_are_topics() {
    let server = Broker::kafka();
    let ends = [connect(&server, Format::Python), connect(&server, Format::Python)];
    for end in &ends {
        end.subscribe(&["socketio"]);
    }
    ends[1].publish("socketio", ["{}"]);
    for end in &ends {
        assert_eq!(end.delivered(), ("socketio".into(), "{}".into()));
    }
}

#[test]
fn what_is_published_is_confirmed_and_a_ping_is_answered() {
    let server = Broker::kafka();
    let end = connect(&server, Format::Native);
    end.tell([Command::Ping]);
    assert_eq!(end.next(), Told::Pong);
    end.publish(CHANNEL, ["1", "2", "3"]);
    end.published(3);
    end.tell([Command::Ping]);
    assert_eq!(end.next(), Told::Pong);
}

#[test]
fn a_process_that_starts_reads_nothing_old() {
    let server = Broker::kafka();
    let ends = [connect(&server, Format::Native), connect(&server, Format::Native)];
    ends[0].publish(CHANNEL, ["old"; 10]);
    ends[0].published(10);
    ends[1].subscribe(&[CHANNEL]);
    ends[0].publish(CHANNEL, ["new"]);
    assert_eq!(ends[1].delivered().1, "new");
}

#[test]
fn a_lost_connection_misses_nothing() {
    let server = Broker::kafka();
    let ends = [connect(&server, Format::Native), connect(&server, Format::Native)];
    ends[1].subscribe(&[ODD, CHANNEL]);
    ends[0].publish(CHANNEL, ["before"]);
    ends[0].published(1);
    assert_eq!(ends[1].delivered().1, "before");
    ends[1].tell([Command::Disconnect]);
    assert!(matches!(ends[1].next(), Told::Lost(_)));
    ends[0].publish(CHANNEL, ["1", "2", "3"]);
    ends[0].published(3);
    ends[1].connected();
    // Subscriptions are the node's: it asks for them anew.
    let again = [ODD, CHANNEL].map(|channel| Subscription::Exact(channel.into()));
    ends[1].tell(again.map(Command::Subscribe));
    for text in ["1", "2", "3"] {
        assert_eq!(ends[1].delivered().1, text);
    }
}

#[test]
fn an_unsubscribed_channel_is_silent() {
    let server = Broker::kafka();
    let end = connect(&server, Format::Native);
    end.subscribe(&[CHANNEL, ODD]);
    end.tell([Command::Unsubscribe(Subscription::Exact(CHANNEL.into()))]);
    end.publish(CHANNEL, ["unheard"]);
    end.publish(ODD, ["heard"]);
    assert_eq!(end.delivered(), (ODD.into(), "heard".into()));
}

#[test]
fn closing_waits_for_what_was_published() {
    let server = Broker::kafka();
    let ends = [connect(&server, Format::Native), connect(&server, Format::Native)];
    ends[0].subscribe(&[CHANNEL]);
    let texts: Vec<_> = (0..2000).map(|number| number.to_string()).collect();
    ends[1].publish(CHANNEL, texts.clone());
    ends[1].close();
    ends[1].ended();
    for text in texts {
        assert_eq!(ends[0].delivered().1, text);
    }
}

#[test]
fn large_messages_arrive() {
    let server = Broker::kafka();
    let end = connect(&server, Format::Native);
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
    let end = connect(&server, Format::Native);
    end.publish(CHANNEL, ["first"]);
    end.published(1);
    server.freeze();
    end.tell([Command::Ping]);
    end.publish(CHANNEL, ["into the void"; 10]);
    end.tell([Command::Disconnect]);
    let start = Instant::now();
    assert_eq!(end.next(), Told::Lost("the brokers do not answer".into()));
    assert!(start.elapsed() < Duration::from_secs(2));
    server.thaw();
    end.connected();
}

#[test]
fn brokers_that_write_nothing_down_are_given_up() {
    let server = Broker::kafka();
    let end = connect(&server, Format::Native);
    end.publish(CHANNEL, ["first"]);
    end.published(1);
    server.freeze();
    end.publish(CHANNEL, (0..100).map(|_| vec![0; 500_000]));
    assert_eq!(end.next(), Told::Lost("the brokers do not answer".into()));
    server.thaw();
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
    let end = connect(&server, Format::Native);
    end.subscribe(&[CHANNEL]);
    server.kill();
    assert!(matches!(end.next(), Told::Lost(_)));
}
