//! Clients of this process as others are told of them.

use sansocket::cluster::bus::{Found, Handshake};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::sockets::socket::Socket;

/// Tells all that this process knows of a client in some rooms. The node leaves out what others may not know.
pub(crate) fn tell(socket: &Socket, rooms: Vec<String>) -> Found {
    let own = std::iter::once(socket.id().into());
    Found {
        id: socket.id().into(),
        rooms: own.chain(rooms.into_iter().map(Into::into)).collect(),
        data: socket.attached(),
        handshake: handshake(socket),
    }
}

fn handshake(socket: &Socket) -> Handshake {
    let request = socket.handshake();
    let came = SystemTime::now().checked_sub(socket.age()).unwrap_or(UNIX_EPOCH);
    let since = came.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let headers = request.headers();
    Handshake {
        address: socket.peer().map_or_else(Box::default, |peer| peer.ip().to_string().into()),
        auth: socket.auth_json().into(),
        headers: object(headers.map(|(name, value)| (name.to_ascii_lowercase(), value.into()))),
        issued: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        query: object(
            form_urlencoded::parse(request.query().as_bytes())
                .map(|(name, value)| (name.into_owned(), value.into_owned())),
        ),
        secure: request.is_secure(),
        time: date(came).into(),
        url: match request.query() {
            "" => request.path().into(),
            query => format!("{}?{query}", request.path()).into(),
        },
        xdomain: request.header("origin").is_some(),
    }
}

/// The text of a JSON object.
fn object(pairs: impl Iterator<Item = (String, String)>) -> Box<str> {
    let pairs: Map<String, Value> = pairs.map(|(name, text)| (name, text.into())).collect();
    Value::Object(pairs).to_string().into()
}

/// A date as JavaScript writes it.
fn date(time: SystemTime) -> String {
    // `Sat, 28 Nov 2026 23:52:00 GMT`
    let text = httpdate::fmt_http_date(time);
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let mut word = || words.next().unwrap_or_default();
    let [weekday, day, month, year, clock] = [word(), word(), word(), word(), word()];
    format!("{weekday} {month} {day} {year} {clock} GMT+0000 (Coordinated Universal Time)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_reads_as_in_javascript() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_843_156);
        assert_eq!(date(time), "Sat Nov 28 2026 05:19:16 GMT+0000 (Coordinated Universal Time)");
    }
}
