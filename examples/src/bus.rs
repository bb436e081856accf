//! The message queue of the command line, and the broker that its URL names.

use lexopt::ValueExt;
use sansocket::NodeName;
use sansocket::cluster::NodeConfig;
use sansocket::cluster::bus::Format;
use sansocket_app::{App, Cluster};
use sansocket_bus::Broker;
use std::net::SocketAddr;
use std::time::Duration;

/// The message queue that joins servers, and how this one uses it.
#[derive(Clone, Debug)]
pub struct Bus {
    /// Where the broker is; `None` for a server that is alone.
    pub url: Option<String>,
    /// What the server calls itself in answers; other servers know it by another name.
    pub node: String,
    /// The format, the names of channels, and times.
    pub config: NodeConfig,
    /// The other servers that may have the session of a request, and where they listen.
    pub others: Vec<(NodeName, SocketAddr)>,
    /// Where this one listens, to be told to the others by way of the message queue.
    pub home: Option<SocketAddr>,
}

impl Default for Bus {
    fn default() -> Self {
        let mut config = NodeConfig::default();
        // For what checks look at: others stay where they are.
        config.headers.push("x-told".into());
        Self { url: None, node: "node".into(), config, others: Vec::new(), home: None }
    }
}

impl Bus {
    /// Takes an option of the command line; `false` when it is another's.
    ///
    /// # Errors
    /// When its value is missing, or makes no sense.
    pub fn option(
        &mut self,
        name: &str,
        parser: &mut lexopt::Parser,
    ) -> Result<bool, lexopt::Error> {
        let config = &mut self.config;
        let mut millis = |time: &mut Duration| -> Result<(), lexopt::Error> {
            *time = Duration::from_millis(parser.value()?.parse()?);
            Ok(())
        };
        match name {
            "bus-timeout-ms" => millis(&mut config.timeout)?,
            "heartbeat-ms" => millis(&mut config.heartbeat)?,
            "dead-after-ms" => millis(&mut config.dead_after)?,
            "bus" => self.url = Some(parser.value()?.string()?),
            "node" => self.node = parser.value()?.string()?,
            "channel" => config.prefix = Some(parser.value()?.string()?.into()),
            "streams" => config.streams = parser.value()?.parse()?,
            "subscription-mode" => {
                config.room_channels = parser.value()?.parse_with(room_channels)?
            }
            "bus-format" => config.format = parser.value()?.parse_with(format)?,
            "tell-nodes" => self.home = Some(parser.value()?.parse()?),
            "forward" => self.others.push(parser.value()?.parse_with(other)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Joins the cluster and names the other servers, as the command line says; returns what the server calls itself
    /// in the cluster, if there is one.
    ///
    /// Ends the process with a message when the URL makes no sense.
    pub fn join(&self, app: &mut App) -> Option<&str> {
        if !self.others.is_empty() {
            app.nodes(self.others.iter().copied());
        }
        if let Some(home) = self.home {
            app.tell_nodes(home);
        }
        let broker = self.broker().unwrap_or_else(|error| {
            eprintln!("--bus: {error}");
            std::process::exit(2);
        })?;
        app.cluster(Cluster::new(broker).config(self.config.clone()));
        Some(&self.node)
    }

    /// Makes the broker that the URL names.
    ///
    /// # Errors
    /// A text that says what is wrong with the URL.
    pub fn broker(&self) -> Result<Option<Box<dyn Broker>>, String> {
        self.url.as_deref().map(broker).transpose()
    }
}

fn other(text: &str) -> Result<(NodeName, SocketAddr), String> {
    let (name, address) = text.split_once('=').ok_or("another server is NAME=ADDRESS:PORT")?;
    let name = name.parse().map_err(|error| format!("{error}"))?;
    Ok((name, address.parse().map_err(|error| format!("{error}"))?))
}

fn room_channels(mode: &str) -> Result<bool, &'static str> {
    match mode {
        "dynamic" => Ok(true),
        "static" => Ok(false),
        _ => Err("the modes are dynamic and static"),
    }
}

pub(crate) fn format(name: &str) -> Result<Format, String> {
    Ok(match name {
        "python" => Format::Python,
        "js" => Format::Classic,
        "js-sharded" => Format::Sharded,
        "js-streams" => Format::Streams,
        "native" => Format::Native,
        _ => return Err("the formats are python, js, js-sharded, js-streams and native".into()),
    })
}

#[cfg(feature = "brokers")]
pub(crate) fn broker(url: &str) -> Result<Box<dyn Broker>, String> {
    let (scheme, _) = url.split_once("://").ok_or("a URL begins with a scheme, as redis://")?;
    let text = |error: &dyn std::error::Error| error.to_string();
    Ok(match scheme {
        "nats" | "tls" => Box::new(sansocket_nats::Nats::new(url).map_err(|error| text(&error))?),
        "amqp" | "amqps" => Box::new(sansocket_amqp::Amqp::new(url).map_err(|error| text(&error))?),
        "kafka" | "kafkas" => {
            Box::new(sansocket_kafka::Kafka::new(url).map_err(|error| text(&error))?)
        }
        _ => Box::new(sansocket_redis::Redis::new(url).map_err(|error| text(&error))?),
    })
}

#[cfg(not(feature = "brokers"))]
pub(crate) fn broker(url: &str) -> Result<Box<dyn Broker>, String> {
    Err(format!("no broker for {url}: build with the feature brokers"))
}

/// The options, for the help of programs that take them.
pub const USAGE: &str = "  --bus URL                 message queue between servers: redis, rediss, unix, redis+sentinel, nats, tls, amqp, amqps, kafka or kafkas
  --bus-format FORMAT       python, js, js-sharded, js-streams or native (default native)
  --channel NAME            channel, key or prefix (default: that of the format)
  --streams N               streams that namespaces are spread over, in the format js-streams (default 1)
  --subscription-mode MODE  dynamic or static, in the format js-sharded (default dynamic)
  --node NAME               what this server calls itself in answers
  --forward NAME=ADDR:PORT  another server, whose sessions have NAME in front of their ids; any number of times
  --tell-nodes ADDR:PORT    where this server listens, which others of the format native learn, and it of them
  --bus-timeout-ms MS       time a question to other servers may take (default 5000)
  --heartbeat-ms MS         time between two signs of life, in the format native (default 1000)
  --dead-after-ms MS        time a server may give none (default 4000)";

#[cfg(all(test, feature = "brokers"))]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_of_a_url_says_which_broker_it_is_and_whether_it_speaks_tls() {
        for scheme in ["nats", "tls", "amqp", "amqps", "kafka", "kafkas", "redis", "rediss"] {
            let bus = Bus { url: Some(format!("{scheme}://127.0.0.1:1")), ..Bus::default() };
            let broker = bus.broker().expect("an address").expect("a broker");
            assert!(broker.address().starts_with(&format!("{scheme}://")), "{}", broker.address());
        }
    }
}
