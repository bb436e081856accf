//! Which way the messages of a channel go.

use lapin::BasicProperties;
use lapin::ExchangeKind;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use sansocket_bus::BrokerError;

/// The header that has the name of a channel whose routing key was cut.
const HEADER: &str = "channel";

/// Bytes of a name: AMQP 0-9-1, 4.2.5.3.
const LONGEST: usize = 255;

/// How channels are told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ways {
    /// By routing keys at a direct exchange.
    Direct,
    /// By fanout exchanges, as python-socketio has it.
    Fanout,
}

/// The way of a channel's messages, as the front page of this crate says.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) exchange: ShortString,
    pub(crate) kind: ExchangeKind,
    pub(crate) key: ShortString,
    pub(crate) properties: BasicProperties,
}

impl Ways {
    pub(crate) fn route(self, channel: &str) -> Result<Route, BrokerError> {
        let properties = BasicProperties::default();
        match self {
            Self::Direct => {
                let (exchange, key) = channel.split_once(':').unwrap_or((channel, ""));
                let cut = &key[..cut(key)];
                let is_whole = cut.len() == key.len();
                let properties =
                    if is_whole { properties } else { properties.with_headers(header(channel)) };
                let (exchange, key) = (name(exchange)?, name(cut)?);
                Ok(Route { exchange, kind: ExchangeKind::Direct, key, properties })
            }
            Self::Fanout => {
                // The key and the mark that python-socketio gives its messages.
                let (key, properties) = ("*".into(), properties.with_delivery_mode(2));
                let kind = ExchangeKind::Fanout;
                Ok(Route { exchange: name(channel)?, kind, key, properties })
            }
        }
    }

    /// Returns the channel that a message came on.
    pub(crate) fn channel(self, message: &Delivery) -> String {
        let (exchange, key) = (&message.exchange, &message.routing_key);
        let headers = message.properties.headers().as_ref().map(FieldTable::inner);
        match (self, headers.and_then(|headers| headers.get(HEADER))) {
            (Self::Direct, Some(AMQPValue::LongString(channel))) => channel.to_string(),
            (Self::Direct, _) => format!("{exchange}:{key}"),
            (Self::Fanout, _) => exchange.to_string(),
        }
    }
}

/// Returns how many bytes of a key are taken, in whole characters.
fn cut(key: &str) -> usize {
    let ends = (0..=key.len().min(LONGEST)).rev();
    { ends }.find(|&end| key.is_char_boundary(end)).unwrap_or_default()
}

fn name(name: &str) -> Result<ShortString, BrokerError> {
    ShortString::try_new(name).map_err(BrokerError::new)
}

fn header(channel: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(HEADER.into(), AMQPValue::LongString(channel.into()));
    headers
}

#[cfg(test)]
mod tests {
    use super::Ways;
    use lapin::ExchangeKind;

    #[test]
    fn a_channel_of_python_is_an_exchange() {
        let route = Ways::Fanout.route("my:channel").unwrap();
        assert_eq!((route.exchange.as_str(), route.key.as_str()), ("my:channel", "*"));
        assert_eq!(route.kind, ExchangeKind::Fanout);
    }

    #[test]
    fn a_namespace_is_a_routing_key() {
        let route = Ways::Direct.route("sansocket:n:/a:b").unwrap();
        assert_eq!((route.exchange.as_str(), route.key.as_str()), ("sansocket", "n:/a:b"));
        assert_eq!(route.kind, ExchangeKind::Direct);
        assert!(route.properties.headers().is_none());
    }

    #[test]
    fn a_key_too_long_is_cut_between_characters() {
        let route = Ways::Direct.route(&format!("sansocket:{}", "é".repeat(200))).unwrap();
        assert_eq!(route.key.as_str(), "é".repeat(127));
        assert!(route.properties.headers().is_some());
        Ways::Direct.route(&"e".repeat(256)).unwrap_err();
    }
}
