//! Our own format: a head of fixed size, and MessagePack.
//!
//! ```text
//! message   = "SK" version kind flags process sequence fields
//! version   = 1                         one byte, as are kind and flags
//! process   = 16 bytes                  zeros for one that only emits
//! sequence  = 8 bytes, big-endian       counts the messages of a process in a namespace from 1; 0: not counted
//! fields    = array of namespace and    more elements than these are skipped
//!   1  hello         -
//!   2  beat          [ home ]
//!   3  left          -
//!   4  broadcast     target event request timeout        flags: 1 volatile, 2 uncompressed
//!   5  join          target names
//!   6  leave         target names
//!   7  disconnect    target                              flags: 4 the whole connection
//!   8  close         room
//!   9  fetch         target request                      flags: 8 ids alone
//!  10  rooms         request
//!  11  server event  event request
//!  12  answer        asker request report part             flags: 16 another part follows
//! target    = names names               rooms, and rooms left out
//! event     = JSON array-of-bin         the text of an array that begins with the name, and the attachments
//! request   = str / nil                 so is asker; timeout is a number of milliseconds or nil
//! part      = number                parts of the answer before this one; not there in the first
//! home      = name address              both str: where the process listens for the others
//! report    = 0 room args / 1 count / 2 / 3 array-of-client / 4 names / 5 names / 6 args
//! ```
//!
//! What clients get is text already: a process hands it on without making values of it.

use bytes::Bytes;
use std::time::Duration;

use super::to::millis;
use super::write::{Form, Out, named};
use super::{
    Answer, Ask, Body, BusLimits, Detail, Flags, Found, Handshake, Home, Invalid, Message, Part,
    Report, To,
};
use crate::cluster::Disconnect;
use crate::node_name::NodeName;
use crate::socket::msgpack::read::{Reader, Token};
use crate::socket::{Args, EventMessage, scan};

const MAGIC: [u8; 2] = *b"SK";
const VERSION: u8 = 1;

const VOLATILE: u8 = 1;
const UNCOMPRESSED: u8 = 2;
const CONNECTION: u8 = 4;
const IDS: u8 = 8;
const MORE: u8 = 16;

pub(super) fn encode(message: &Message) -> Result<Vec<u8>, &'static str> {
    let Message { from, namespace, sequence, body } = message;
    let process = match from.as_deref() {
        None | Some("emitter") => [0; 16],
        Some(name) => process(name).ok_or("processes whose names are not 32 hexadecimal digits")?,
    };
    let (kind, flags, fields) = shape(body);
    let mut bytes = Vec::with_capacity(128);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend([VERSION, kind, flags]);
    bytes.extend_from_slice(&process);
    bytes.extend_from_slice(&sequence.unwrap_or(0).to_be_bytes());
    let mut out = Out::new(Form::Msgpack);
    out.array(1 + fields).str(namespace);
    put_fields(&mut out, body);
    bytes.extend_from_slice(&out.finish());
    Ok(bytes)
}

/// Kind, flags, and the number of fields behind the namespace.
fn shape(body: &Body) -> (u8, u8, usize) {
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    match body {
        Body::Hello => (1, 0, 0),
        Body::Beat(home) => (2, 0, if home.is_some() { 2 } else { 0 }),
        Body::Left => (3, 0, 0),
        Body::Broadcast { flags, .. } => {
            let flags = flag(flags.volatile, VOLATILE) | flag(flags.uncompressed, UNCOMPRESSED);
            (4, flags, 6)
        }
        Body::Join { .. } => (5, 0, 3),
        Body::Leave { .. } => (6, 0, 3),
        Body::Disconnect { how, .. } => {
            (7, flag(matches!(how, Disconnect::Connection), CONNECTION), 2)
        }
        Body::Close { .. } => (8, 0, 1),
        Body::Fetch { detail, .. } => (9, flag(matches!(detail, Detail::Ids), IDS), 3),
        Body::Rooms { .. } => (10, 0, 1),
        Body::ServerEvent { .. } => (11, 0, 3),
        Body::Answer(Answer { report, part, .. }) => {
            let fields = match report {
                Report::Acknowledged { .. } => 3,
                Report::Replied(_) => 2,
                Report::Clients(_) | Report::Found(_) | Report::Ids(_) | Report::Rooms(_) => 1,
                Report::Done => 0,
            };
            (12, flag(part.more, MORE), 3 + fields + usize::from(part.number > 0))
        }
    }
}

fn put_fields(out: &mut Out, body: &Body) {
    match body {
        Body::Beat(None) | Body::Hello | Body::Left => {}
        Body::Beat(Some(Home { name, address })) => {
            out.str(name.as_str()).str(&address.to_string());
        }
        Body::Broadcast { to, event, ask, .. } => {
            put_event(put_to(out, to), event);
            out.str_or_null(ask.as_ref().map(|ask| &*ask.request));
            match ask.as_ref().and_then(|ask| ask.timeout) {
                Some(timeout) => out.number(millis(timeout)),
                None => out.null(),
            };
        }
        Body::Join { to, rooms } | Body::Leave { to, rooms } => {
            put_to(out, to).strs(rooms);
        }
        Body::Disconnect { to, .. } => {
            put_to(out, to);
        }
        Body::Close { room } => {
            out.str(room);
        }
        Body::Fetch { to, request, .. } => {
            put_to(out, to).str(request);
        }
        Body::Rooms { request } => {
            out.str(request);
        }
        Body::ServerEvent { event, request } => {
            put_event(out, event).str_or_null(request.as_deref());
        }
        Body::Answer(Answer { asker, request, report, part }) => {
            out.str_or_null(asker.as_deref()).str(request);
            put_report(out, report);
            if part.number > 0 {
                out.number(part.number.into());
            }
        }
    }
}

fn put_report(out: &mut Out, report: &Report) {
    match report {
        Report::Acknowledged { room, args } => {
            put_args(out.number(0).str_or_null(room.as_deref()), args)
        }
        Report::Clients(count) => out.number(1).number((*count).into()),
        Report::Done => out.number(2),
        Report::Found(clients) => {
            out.number(3).array(clients.len());
            for client in clients {
                put_client(out, client);
            }
            out
        }
        Report::Ids(ids) => out.number(4).strs(ids),
        Report::Rooms(rooms) => out.number(5).strs(rooms),
        Report::Replied(args) => put_args(out.number(6), args),
    };
}

fn put_client(out: &mut Out, client: &Found) {
    let Found { id, rooms, data, handshake } = client;
    let Handshake { address, auth, headers, issued, query, secure, time, url, xdomain } = handshake;
    put_args(out.array(13).str(id).strs(rooms), data);
    out.str(address).str(auth).str(headers).number(*issued).str(query).truth(*secure);
    out.str(time).str(url).truth(*xdomain);
}

fn put_to<'o>(out: &'o mut Out, to: &To) -> &'o mut Out {
    out.strs(&to.rooms).strs(&to.except)
}

fn put_event<'o>(out: &'o mut Out, event: &EventMessage) -> &'o mut Out {
    out.str(&named(event)).bins(event.attachments())
}

fn put_args<'o>(out: &'o mut Out, args: &Args) -> &'o mut Out {
    out.str(args.json()).bins(args.attachments())
}

/// Whether a message but for a sign of life is of the process with that name.
pub(super) fn is_by(name: &str, bytes: &[u8]) -> bool {
    const HELLO: u8 = 1;
    const BEAT: u8 = 2;
    let kind = bytes.get(3).is_some_and(|kind| ![HELLO, BEAT].contains(kind));
    kind && bytes.get(5..21).is_some_and(|bytes| process(name).is_some_and(|own| own == *bytes))
}

/// The 16 bytes of 32 hexadecimal digits in lower case.
fn process(name: &str) -> Option<[u8; 16]> {
    let digits = name.as_bytes();
    let is_hex = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let number = u128::from_str_radix(name, 16).ok()?;
    (is_hex && digits.len() == 32).then(|| number.to_be_bytes())
}

pub(super) fn decode(bytes: &[u8], limits: &BusLimits) -> Result<Message, Invalid> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Invalid::Malformed)?;
    let (&[version, kind, flags], rest) = rest.split_first_chunk().ok_or(Invalid::Malformed)?;
    if version != VERSION {
        return Err(Invalid::Version(version));
    }
    let (process, rest) = rest.split_first_chunk().ok_or(Invalid::Malformed)?;
    let (sequence, rest) = rest.split_first_chunk().ok_or(Invalid::Malformed)?;
    let process = u128::from_be_bytes(*process);
    let sequence = u64::from_be_bytes(*sequence);
    let mut reader = Reader::new(rest);
    let mut fields = Fields::begin(&mut reader, limits, "fields")?;
    let namespace = fields.str("namespace")?;
    let body = read_body(kind, flags, &mut fields)?;
    fields.end()?;
    if !reader.is_at_end() {
        return Err(Invalid::Malformed);
    }
    let from = (process != 0).then(|| format!("{process:032x}").into());
    Ok(Message { from, namespace, sequence: (sequence != 0).then_some(sequence), body })
}

fn read_body(kind: u8, flags: u8, fields: &mut Fields<'_, '_>) -> Result<Body, Invalid> {
    let has = |flag| flags & flag != 0;
    Ok(match kind {
        1 => Body::Hello,
        2 => Body::Beat(fields.home()?),
        3 => Body::Left,
        4 => {
            let (to, event) = (fields.to()?, fields.event()?);
            let request = fields.str_or_nil("request")?;
            let timeout = fields.number_or_nil("timeout")?.map(Duration::from_millis);
            let ask = request.map(|request| Ask { request, timeout });
            let flags = Flags { volatile: has(VOLATILE), uncompressed: has(UNCOMPRESSED) };
            Body::Broadcast { to, event, flags, ask }
        }
        5 => Body::Join { to: fields.to()?, rooms: fields.names("rooms")? },
        6 => Body::Leave { to: fields.to()?, rooms: fields.names("rooms")? },
        7 => {
            let how = if has(CONNECTION) { Disconnect::Connection } else { Disconnect::Namespace };
            Body::Disconnect { to: fields.to()?, how }
        }
        8 => Body::Close { room: fields.str("room")? },
        9 => {
            let detail = if has(IDS) { Detail::Ids } else { Detail::Clients };
            Body::Fetch { to: fields.to()?, request: fields.str("request")?, detail }
        }
        10 => Body::Rooms { request: fields.str("request")? },
        11 => Body::ServerEvent { event: fields.event()?, request: fields.str_or_nil("request")? },
        12 => Body::Answer(Answer {
            asker: fields.str_or_nil("asker")?,
            request: fields.str("request")?,
            report: read_report(fields)?,
            part: Part { number: fields.part()?, more: has(MORE) },
        }),
        _ => return Err(Invalid::UnknownKind),
    })
}

fn read_report(fields: &mut Fields<'_, '_>) -> Result<Report, Invalid> {
    Ok(match fields.number("report")? {
        0 => Report::Acknowledged { room: fields.str_or_nil("room")?, args: fields.args()? },
        1 => {
            let count = fields.number("count")?;
            Report::Clients(u32::try_from(count).map_err(|_| Invalid::Mistyped("count"))?)
        }
        2 => Report::Done,
        3 => {
            let limits = fields.limits;
            let count = fields.array("clients", limits.clients)?;
            let clients = (0..count).map(|_| read_client(fields.reader, limits));
            Report::Found(clients.collect::<Result<_, _>>()?)
        }
        4 => Report::Ids(fields.names("ids")?),
        5 => Report::Rooms(fields.names("rooms")?),
        6 => Report::Replied(fields.args()?),
        _ => return Err(Invalid::UnknownKind),
    })
}

fn read_client(reader: &mut Reader<'_>, limits: &BusLimits) -> Result<Found, Invalid> {
    let mut fields = Fields::begin(reader, limits, "client")?;
    let found = Found {
        id: fields.str("id")?,
        rooms: fields.names("rooms")?,
        data: fields.args()?,
        handshake: Handshake {
            address: fields.str("address")?,
            auth: fields.object("auth")?,
            headers: fields.object("headers")?,
            issued: fields.number("issued")?,
            query: fields.object("query")?,
            secure: fields.truth("secure")?,
            time: fields.str("time")?,
            url: fields.str("url")?,
            xdomain: fields.truth("xdomain")?,
        },
    };
    fields.end()?;
    Ok(found)
}

/// The elements of an array, one after the other.
struct Fields<'r, 'm> {
    reader: &'r mut Reader<'m>,
    left: u32,
    limits: &'r BusLimits,
}

impl<'r, 'm> Fields<'r, 'm> {
    fn begin(
        reader: &'r mut Reader<'m>,
        limits: &'r BusLimits,
        name: &'static str,
    ) -> Result<Self, Invalid> {
        let Token::Array(left) = reader.token()? else { return Err(Invalid::Mistyped(name)) };
        Ok(Self { reader, left, limits })
    }

    fn token(&mut self, name: &'static str) -> Result<Token<'m>, Invalid> {
        self.left = self.left.checked_sub(1).ok_or(Invalid::Missing(name))?;
        Ok(self.reader.token()?)
    }

    fn str_or_nil(&mut self, name: &'static str) -> Result<Option<Box<str>>, Invalid> {
        let token = self.token(name)?;
        if let Token::Str(text) = token {
            return Ok(Some(text.into()));
        }
        if token == Token::Nil { Ok(None) } else { Err(Invalid::Mistyped(name)) }
    }

    fn str(&mut self, name: &'static str) -> Result<Box<str>, Invalid> {
        self.str_or_nil(name)?.ok_or(Invalid::Mistyped(name))
    }

    fn number_or_nil(&mut self, name: &'static str) -> Result<Option<u64>, Invalid> {
        let token = self.token(name)?;
        if let Token::Uint(number) = token {
            return Ok(Some(number));
        }
        if token == Token::Nil { Ok(None) } else { Err(Invalid::Mistyped(name)) }
    }

    fn number(&mut self, name: &'static str) -> Result<u64, Invalid> {
        self.number_or_nil(name)?.ok_or(Invalid::Mistyped(name))
    }

    fn truth(&mut self, name: &'static str) -> Result<bool, Invalid> {
        let Token::Bool(value) = self.token(name)? else { return Err(Invalid::Mistyped(name)) };
        Ok(value)
    }

    /// The header of an array of so many elements at most.
    fn array(&mut self, name: &'static str, most: usize) -> Result<u32, Invalid> {
        let Token::Array(count) = self.token(name)? else { return Err(Invalid::Mistyped(name)) };
        let is_bounded = usize::try_from(count).is_ok_and(|count| count <= most);
        if is_bounded { Ok(count) } else { Err(Invalid::TooMany(name)) }
    }

    fn names(&mut self, name: &'static str) -> Result<Vec<Box<str>>, Invalid> {
        let count = self.array(name, self.limits.names)?;
        let mut names = Vec::new();
        for _ in 0..count {
            let Token::Str(text) = self.reader.token()? else {
                return Err(Invalid::Mistyped(name));
            };
            names.push(text.into());
        }
        Ok(names)
    }

    /// Where a process listens, which it need not tell.
    fn home(&mut self) -> Result<Option<Home>, Invalid> {
        if self.left == 0 {
            return Ok(None);
        }
        let (name, address) = (self.str("home")?, self.str("home")?);
        match (NodeName::new(&name), address.parse()) {
            (Ok(name), Ok(address)) => Ok(Some(Home { name, address })),
            _ => Err(Invalid::Mistyped("home")),
        }
    }

    /// How many parts of an answer came before.
    fn part(&mut self) -> Result<u32, Invalid> {
        if self.left == 0 {
            return Ok(0);
        }
        u32::try_from(self.number("part")?).map_err(|_| Invalid::Mistyped("part"))
    }

    fn to(&mut self) -> Result<To, Invalid> {
        Ok(To { rooms: self.names("rooms")?, except: self.names("except")? })
    }

    fn attachments(&mut self) -> Result<Vec<Bytes>, Invalid> {
        let count = self.array("attachments", self.limits.attachments as usize)?;
        let mut attachments = Vec::new();
        for _ in 0..count {
            let Token::Bin(bytes) = self.reader.token()? else {
                return Err(Invalid::Mistyped("attachments"));
            };
            attachments.push(Bytes::copy_from_slice(bytes));
        }
        Ok(attachments)
    }

    fn event(&mut self) -> Result<EventMessage, Invalid> {
        let (text, attachments) = (self.str("event")?, self.attachments()?);
        let count = u32::try_from(attachments.len()).unwrap_or(u32::MAX);
        let scan::Elements { name, rest } = scan::event(&text, count)?;
        let mut event = EventMessage::new(&name, rest);
        event.attach(attachments);
        Ok(event)
    }

    fn args(&mut self) -> Result<Args, Invalid> {
        let (text, attachments) = (self.str("args")?, self.attachments()?);
        scan::array(&text, u32::try_from(attachments.len()).unwrap_or(u32::MAX))?;
        Ok(Args::new(text, attachments))
    }

    /// The text of a JSON object.
    fn object(&mut self, name: &'static str) -> Result<Box<str>, Invalid> {
        let text = self.str(name)?;
        scan::object(&text).map_err(|_| Invalid::Mistyped(name))?;
        Ok(text)
    }

    /// Steps over elements of later versions.
    fn end(self) -> Result<(), Invalid> {
        for _ in 0..self.left {
            self.reader.skip()?;
        }
        Ok(())
    }
}
