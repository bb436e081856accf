//! The channels of a broker: which message goes where, and what a process subscribes to.

use super::{Answer, Body, Format, Message};

/// What the names of channels are made of: a format, a prefix, and what else processes have to agree on.
#[derive(Clone, Debug)]
pub struct Names {
    format: Format,
    prefix: Box<str>,
    room_channels: bool,
    streams: u16,
}

/// What a channel is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place<'a> {
    /// The namespace. In [`Format::Python`] and [`Format::Native`], and in streams, messages name their own.
    pub namespace: &'a str,
    /// The messages in it.
    pub lane: Lane<'a>,
}

/// Which messages of a namespace are on a channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lane<'a> {
    /// Answers, for all processes or for the one of that name.
    Answers(Option<&'a str>),
    /// Messages for all processes.
    Everyone,
    /// Questions and orders, which [`Format::Classic`] alone keeps apart.
    Requests,
    /// Broadcasts to a room. In [`Format::Sharded`] also answers, for a process of that name.
    Room(&'a str),
}

/// A subscription that a process needs.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Subscription {
    /// A channel of which the broker counts the subscribers: JavaScript takes their number for that of the
    /// processes, so each process has to subscribe to it once, on one connection.
    Counted(String),
    /// A channel.
    Exact(String),
    /// All channels that match a pattern of Redis, in which other characters are escaped.
    Pattern(String),
    /// A stream.
    Stream(String),
}

impl Names {
    /// Makes the names of channels that begin with a prefix; in [`Format::Python`] it is the name of the only one.
    ///
    /// Usual are `socketio` for python-socketio, `flask-socketio` for Flask-SocketIO, and `socket.io` for the
    /// formats of JavaScript.
    #[must_use]
    pub fn new(format: Format, prefix: &str) -> Self {
        Self { format, prefix: prefix.into(), room_channels: true, streams: 1 }
    }

    /// Says whether rooms have channels of their own in [`Format::Sharded`]; default `true`.
    #[must_use]
    pub fn with_room_channels(self, room_channels: bool) -> Self {
        Self { room_channels, ..self }
    }

    /// Says over how many streams namespaces are spread in [`Format::Streams`]; default 1, the least.
    #[must_use]
    pub fn with_streams(self, streams: u16) -> Self {
        Self { streams: streams.max(1), ..self }
    }

    /// What all names begin with.
    pub(in crate::cluster) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the channel or the stream that a message goes to.
    #[must_use]
    pub fn channel(&self, message: &Message) -> String {
        let Self { format, prefix, .. } = self;
        let namespace = &*message.namespace;
        match (format, &message.body) {
            (Format::Python, _) => prefix.to_string(),
            (Format::Classic, Body::Answer(_)) => format!("{prefix}-response#{namespace}#"),
            (Format::Classic, Body::Broadcast { ask: None, to, .. }) => {
                self.for_room(namespace, &to.rooms)
            }
            (Format::Classic, _) => format!("{prefix}-request#{namespace}#"),
            (
                Format::Sharded | Format::Streams,
                Body::Answer(Answer { asker: Some(asker), .. }),
            ) => self.below(namespace, asker),
            (Format::Sharded, Body::Broadcast { ask: None, to, .. })
                if self.room_channels && !names_client(&to.rooms) =>
            {
                self.for_room(namespace, &to.rooms)
            }
            (Format::Streams, body) if goes_by_stream(body) => self.stream(namespace),
            (Format::Sharded | Format::Streams, _) => self.everyone(namespace),
            (Format::Native, Body::Answer(Answer { asker: Some(asker), .. })) => {
                self.below(namespace, asker)
            }
            (Format::Native, _) => self.everyone(namespace),
        }
    }

    /// Returns what a channel is for, if it belongs to this namespace.
    ///
    /// A room may have any name: whatever is between the namespace and the last character is taken for it.
    #[must_use]
    pub fn place<'a>(&self, namespace: &'a str, channel: &'a str) -> Option<Place<'a>> {
        let rest = channel.strip_prefix(&*self.prefix)?;
        let below = |rest: &'a str| rest.strip_prefix(namespace);
        let lane = match self.format {
            Format::Python => rest.is_empty().then_some(Lane::Everyone)?,
            Format::Classic => {
                if let Some(rest) = rest.strip_prefix("-request#") {
                    (below(rest)? == "#").then_some(Lane::Requests)?
                } else if let Some(rest) = rest.strip_prefix("-response#") {
                    Lane::Answers(one_below(below(rest)?)?)
                } else {
                    room_below(below(rest.strip_prefix('#')?)?)?
                }
            }
            Format::Sharded => room_below(below(rest.strip_prefix('#')?)?)?,
            Format::Streams if self.is_stream(rest) => Lane::Everyone,
            Format::Streams => match one_below(below(rest.strip_prefix('#')?)?)? {
                None => Lane::Everyone,
                asker @ Some(_) => Lane::Answers(asker),
            },
            Format::Native => match rest.strip_prefix(":n:") {
                Some(rest) => (rest == namespace).then_some(Lane::Everyone)?,
                None => Lane::Answers(Some(rest.strip_prefix(":i:")?)),
            },
        };
        Some(Place { namespace, lane })
    }

    /// Returns what the process of that name subscribes to for a namespace. In [`Format::Sharded`] it needs
    /// [`room`](Self::room) besides, for each room with clients of its own.
    #[must_use]
    pub fn subscriptions(&self, namespace: &str, process: &str) -> Vec<Subscription> {
        let Self { format, prefix, .. } = self;
        let (everyone, own) = (self.everyone(namespace), self.below(namespace, process));
        match format {
            Format::Python => vec![Subscription::Exact(prefix.to_string())],
            Format::Classic => vec![
                Subscription::Pattern(format!("{}*", escaped(&everyone))),
                Subscription::Counted(format!("{prefix}-request#{namespace}#")),
                Subscription::Exact(format!("{prefix}-response#{namespace}#")),
                Subscription::Exact(format!("{prefix}-response#{namespace}#{process}#")),
            ],
            Format::Sharded => vec![Subscription::Counted(everyone), Subscription::Exact(own)],
            Format::Streams => vec![
                Subscription::Stream(self.stream(namespace)),
                Subscription::Counted(everyone),
                Subscription::Exact(own),
            ],
            Format::Native => vec![Subscription::Exact(everyone), Subscription::Exact(own)],
        }
    }

    /// Returns the subscription that a process with clients in a room needs: in [`Format::Sharded`] alone, and for
    /// no room that other processes take for the id of a client.
    #[must_use]
    pub fn room(&self, namespace: &str, room: &str) -> Option<Subscription> {
        let is_needed = matches!(self.format, Format::Sharded) && self.room_channels;
        (is_needed && !is_as_long_as_an_id(room))
            .then(|| Subscription::Exact(self.below(namespace, room)))
    }

    fn for_room(&self, namespace: &str, rooms: &[Box<str>]) -> String {
        match rooms {
            [room] => self.below(namespace, room),
            _ => self.everyone(namespace),
        }
    }

    /// The stream of a namespace. Its number may be negative, as that of JavaScript.
    fn stream(&self, namespace: &str) -> String {
        match self.streams {
            1 => self.prefix.to_string(),
            count => format!("{}-{}", self.prefix, hash(namespace) % i32::from(count)),
        }
    }

    /// Whether that is behind the prefix in the name of a stream, of any namespace: entries name their own.
    fn is_stream(&self, rest: &str) -> bool {
        let number = || rest.strip_prefix('-')?.parse::<i32>().ok();
        match self.streams {
            1 => rest.is_empty(),
            count => number().is_some_and(|n| n.unsigned_abs() < u32::from(count)),
        }
    }

    fn everyone(&self, namespace: &str) -> String {
        match self.format {
            Format::Native => format!("{}:n:{namespace}", self.prefix),
            Format::Python | Format::Classic | Format::Sharded | Format::Streams => {
                format!("{}#{namespace}#", self.prefix)
            }
        }
    }

    fn below(&self, namespace: &str, name: &str) -> String {
        match self.format {
            Format::Native => format!("{}:i:{name}", self.prefix),
            Format::Python | Format::Classic | Format::Sharded | Format::Streams => {
                format!("{}#{namespace}#{name}#", self.prefix)
            }
        }
    }
}

/// The hash that JavaScript spreads namespaces with.
fn hash(namespace: &str) -> i32 {
    let add = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
    namespace.encode_utf16().fold(0, add)
}

/// Whether streams keep it: what asks for answers, and these, is only for those who are there.
pub(super) fn goes_by_stream(body: &Body) -> bool {
    matches!(
        body,
        Body::Broadcast { ask: None, .. }
            | Body::Join { .. }
            | Body::Leave { .. }
            | Body::Disconnect { .. }
    )
}

/// The length of the ids of JavaScript, and of ours: a room of that length is taken for one, in UTF-16 as there.
const ID: usize = 20;

fn names_client(rooms: &[Box<str>]) -> bool {
    matches!(rooms, [room] if is_as_long_as_an_id(room))
}

fn is_as_long_as_an_id(room: &str) -> bool {
    room.encode_utf16().count() == ID
}

/// What is between a first and a last `#`, if there is more than one.
fn one_below(rest: &str) -> Option<Option<&str>> {
    match rest.strip_prefix('#')? {
        "" => Some(None),
        more => more.strip_suffix('#').map(Some),
    }
}

fn room_below(rest: &str) -> Option<Lane<'_>> {
    Some(one_below(rest)?.map_or(Lane::Everyone, Lane::Room))
}

/// A name in a pattern of Redis.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
