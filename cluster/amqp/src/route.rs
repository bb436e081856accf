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

/// The way of a channel's messages, as the front page of this crate says.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) exchange: ShortString,
    pub(crate) kind: ExchangeKind,
    pub(crate) key: ShortString,
    pub(crate) properties: BasicProperties,
}

impl Route {
    pub(crate) fn of(channel: &str) -> Result<Self, BrokerError> {
        let properties = BasicProperties::default();
        let Some((exchange, key)) = channel.split_once(':') else {
            // The key that python-socketio gives its messages, and the mark of those that are written to disk.
            let (kind, properties) = (ExchangeKind::Fanout, properties.with_delivery_mode(2));
            return Ok(Self { exchange: name(channel)?, kind, key: "*".into(), properties });
        };
        let cut = &key[..key.floor_char_boundary(LONGEST)];
        let is_whole = cut.len() == key.len();
        let properties =
            if is_whole { properties } else { properties.with_headers(header(channel)) };
        let (exchange, key) = (name(exchange)?, name(cut)?);
        Ok(Self { exchange, kind: ExchangeKind::Direct, key, properties })
    }
}

/// Returns the channel that a message came on, if it is one of those subscribed to.
pub(crate) fn channel(message: &Delivery, is_ours: impl Fn(&str) -> bool) -> Option<String> {
    let exchange = message.exchange.as_str();
    let headers = message.properties.headers().as_ref().map(FieldTable::inner);
    let channel = match headers.and_then(|headers| headers.get(HEADER)) {
        Some(AMQPValue::LongString(channel)) => channel.to_string(),
        _ if is_ours(exchange) => exchange.to_owned(),
        _ => format!("{exchange}:{}", message.routing_key),
    };
    is_ours(&channel).then_some(channel)
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
    use super::Route;
    use lapin::ExchangeKind;

    #[test]
    fn a_channel_without_a_colon_is_that_of_python() {
        let route = Route::of("socketio").unwrap();
        assert_eq!((route.exchange.as_str(), route.key.as_str()), ("socketio", "*"));
        assert_eq!(route.kind, ExchangeKind::Fanout);
    }

    #[test]
    fn a_namespace_is_a_routing_key() {
        let route = Route::of("sansocket:n:/a:b").unwrap();
        assert_eq!((route.exchange.as_str(), route.key.as_str()), ("sansocket", "n:/a:b"));
        assert_eq!(route.kind, ExchangeKind::Direct);
        assert!(route.properties.headers().is_none());
    }

    #[test]
    fn a_key_too_long_is_cut_between_characters() {
        let route = Route::of(&format!("sansocket:{}", "é".repeat(200))).unwrap();
        assert_eq!(route.key.as_str(), "é".repeat(127));
        assert!(route.properties.headers().is_some());
        Route::of(&"e".repeat(256)).unwrap_err();
    }
}
