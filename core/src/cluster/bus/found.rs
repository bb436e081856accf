//! Clients in answers, in the formats of JavaScript.

use super::value::{Value, none};
use super::write::Out;
use super::{BusLimits, Found, Handshake, Invalid, Report, event};

/// Reads what a process found: clients, or their ids alone, as old processes answer.
pub(super) fn read(sockets: Value<'_>, limits: &BusLimits) -> Result<Report, Invalid> {
    let list = sockets.list("sockets", limits.clients)?;
    if list.first().is_some_and(|first| first.is_string()) {
        let ids: Result<_, _> = list.into_iter().map(|id| id.string("sockets")).collect();
        return ids.map(Report::Ids);
    }
    let clients: Result<_, _> = list.into_iter().map(|client| read_one(client, limits)).collect();
    clients.map(Report::Found)
}

/// Writes clients. JavaScript reads every key of a handshake unasked, so all of them are there.
pub(super) fn put(out: &mut Out, clients: &[Found]) {
    out.array(clients.len());
    for Found { id, rooms, data, handshake } in clients {
        let Handshake { address, auth, headers, issued, query, secure, time, url, xdomain } =
            handshake;
        out.map(4).key("id").str(id).key("handshake").map(9);
        out.key("headers").value(headers, &[]).key("time").str(time).key("address").str(address);
        out.key("xdomain").truth(*xdomain).key("secure").truth(*secure);
        out.key("issued").number(*issued).key("url").str(url).key("query").value(query, &[]);
        out.key("auth").value(auth, &[]).key("rooms").strs(rooms).key("data");
        event::put_only(out, data);
    }
}

fn read_one(client: Value<'_>, limits: &BusLimits) -> Result<Found, Invalid> {
    let [id, handshake, rooms, data] = client
        .fields(["id", "handshake", "rooms", "data"])
        .map_err(|_| Invalid::Mistyped("sockets"))?;
    Ok(Found {
        id: id.ok_or(Invalid::Missing("id"))?.string("id")?,
        rooms: rooms.map_or(Ok(Vec::new()), |rooms| rooms.names("rooms", limits))?,
        data: data.map_or_else(|| Ok(none()), |data| data.one(limits))?,
        handshake: handshake.map_or_else(|| Ok(Handshake::default()), read_handshake)?,
    })
}

fn read_handshake(value: Value<'_>) -> Result<Handshake, Invalid> {
    let [headers, time, address, xdomain, secure, issued, url, query, auth] = value
        .fields([
            "headers", "time", "address", "xdomain", "secure", "issued", "url", "query", "auth",
        ])
        .map_err(|_| Invalid::Mistyped("handshake"))?;
    let text = |value: Option<Value<'_>>, name| {
        value.map_or_else(|| Ok("".into()), |value| value.string(name))
    };
    let object = |value: Option<Value<'_>>, name| {
        value.map_or_else(|| Ok("{}".into()), |value| value.object(name))
    };
    Ok(Handshake {
        address: text(address, "address")?,
        auth: object(auth, "auth")?,
        headers: object(headers, "headers")?,
        issued: issued.map_or(Ok(0), |issued| issued.number("issued"))?,
        query: object(query, "query")?,
        secure: secure.is_some_and(Value::is_true),
        time: text(time, "time")?,
        url: text(url, "url")?,
        xdomain: xdomain.is_some_and(Value::is_true),
    })
}
