//! What NATS, RabbitMQ and Kafka do in the same way, as checks of ends that `connect` makes.

use sansocket_bus::{Command, Subscription};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Broker, Played, Told};

/// The channel of a namespace.
pub const CHANNEL: &str = "sansocket:n:/";

/// A channel with characters that mean something to brokers.
pub const ODD: &str = "sansocket:n:/a.b *>\n#:é";

/// Makes an end that is connected.
type Connect<'a> = &'a dyn Fn() -> Arc<Played>;

/// Messages of each channel arrive at all ends, in their order.
pub fn messages_arrive_in_order(connect: Connect<'_>, channels: &[&str]) {
    let ends = [connect(), connect()];
    for end in &ends {
        end.subscribe(channels);
    }
    for (n, channel) in channels.iter().enumerate() {
        ends[n % ends.len()].publish(channel, numbers(1000));
    }
    for end in &ends {
        let mut came = vec![Vec::new(); channels.len()];
        while came.iter().any(|came| came.len() < 1000) {
            let (channel, text) = end.delivered();
            let known = channels.iter().position(|known| *known == channel);
            came[known.expect("it was subscribed to")].push(text);
        }
        assert!(came.iter().all(|came| *came == numbers(1000)), "{came:?}");
    }
}

/// Publishing is confirmed whether or not there is a subscriber, and a ping is answered.
pub fn publishing_is_confirmed(connect: Connect<'_>) {
    let end = connect();
    end.tell([Command::Ping]);
    assert_eq!(end.next(), Told::Pong);
    end.publish(CHANNEL, ["1", "2", "3"]);
    end.published(3);
    end.tell([Command::Ping]);
    assert_eq!(end.next(), Told::Pong);
}

/// Nothing comes from a channel that is no longer subscribed to.
pub fn an_unsubscribed_channel_is_silent(connect: Connect<'_>) {
    let end = connect();
    end.subscribe(&[CHANNEL, ODD]);
    end.tell([Command::Unsubscribe(Subscription::Exact(CHANNEL.into()))]);
    end.publish(CHANNEL, ["unheard"]);
    end.publish(ODD, ["heard"]);
    assert_eq!(end.delivered(), (ODD.into(), "heard".into()));
}

/// What was published before the end was closed still arrives.
pub fn closing_waits(connect: Connect<'_>) {
    let ends = [connect(), connect()];
    ends[0].subscribe(&[CHANNEL]);
    ends[1].publish(CHANNEL, numbers(2000));
    ends[1].close();
    ends[1].ended();
    for text in numbers(2000) {
        assert_eq!(ends[0].delivered().1, text);
    }
}

/// The one channel of python-socketio reaches all ends, which have to be of its format.
pub fn the_channel_of_python_reaches_all(connect: Connect<'_>) {
    let ends = [connect(), connect()];
    for end in &ends {
        end.subscribe(&["socketio"]);
    }
    ends[1].publish("socketio", ["{}"]);
    for end in &ends {
        assert_eq!(end.delivered(), ("socketio".into(), "{}".into()));
    }
}

/// What is published before a connection is lost and while it is away arrives once, and in order. `part` takes the
/// connection of the second end away, and may wait for the first; it comes back after `pause`.
pub fn a_lost_connection_misses_nothing(
    connect: Connect<'_>,
    pause: Duration,
    part: impl Fn(&Played, &Played),
) {
    let ends = [connect(), connect()];
    ends[1].subscribe(&[ODD, CHANNEL]);
    ends[1].subscribe_again(&[ODD, CHANNEL]);
    ends[1].rest(pause);
    ends[0].publish(CHANNEL, numbers(2000));
    let mut came = vec![ends[1].delivered().1];
    part(&ends[0], &ends[1]);
    came.extend(ends[1].delivered_until_lost());
    ends[0].publish(CHANNEL, ["meanwhile"; 3]);
    ends[1].connected();
    while came.len() < 2003 {
        came.push(ends[1].delivered().1);
    }
    assert_eq!(came[..2000], numbers(2000));
    assert_eq!(came[2000..], ["meanwhile"; 3]);
    ends[0].publish(CHANNEL, ["after"]);
    assert_eq!(ends[1].delivered().1, "after");
}

/// A server that was started again is connected to again.
pub fn a_restarted_server_is_connected_to_again(connect: Connect<'_>, server: &mut Broker) {
    let end = connect();
    end.subscribe(&[CHANNEL]);
    server.kill();
    assert!(matches!(end.next(), Told::Lost(_)));
    server.restart();
    end.connected();
    end.subscribe(&[CHANNEL]);
    end.publish(CHANNEL, ["once"]);
    assert_eq!(end.delivered().1, "once");
}

/// A server that answers nothing is given up as soon as that is told, whatever waits to be written.
pub fn a_frozen_server_is_given_up_at_once(connect: Connect<'_>, server: &Broker, why: &str) {
    let end = connect();
    end.publish(CHANNEL, ["first"]);
    end.published(1);
    server.freeze();
    end.tell([Command::Ping]);
    end.publish(CHANNEL, ["into the void"; 10]);
    end.tell([Command::Disconnect]);
    let start = Instant::now();
    assert_eq!(after_confirmations(&end), Told::Lost(why.into()));
    assert!(start.elapsed() < Duration::from_secs(2));
    server.thaw();
    end.connected();
    end.close();
    end.ended();
}

/// A server that reads nothing is given up without being told, once nothing more can be written.
pub fn a_server_that_reads_nothing_is_given_up(connect: Connect<'_>, server: &Broker, why: &str) {
    let end = connect();
    end.publish(CHANNEL, ["first"]);
    end.published(1);
    server.freeze();
    end.publish(CHANNEL, (0..100).map(|_| vec![0; 500_000]));
    assert_eq!(after_confirmations(&end), Told::Lost(why.into()));
    server.thaw();
    end.connected();
    end.close();
    end.ended();
}

/// What is told next, but that messages were published: a server that is to freeze may take some yet.
fn after_confirmations(end: &Played) -> Told {
    loop {
        let told = end.next();
        if !matches!(told, Told::Published(_)) {
            return told;
        }
    }
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}
