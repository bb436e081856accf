//! The text of Socket.IO packets as a client writes and reads it (socket.io-protocol v5).

use bytes::Bytes;
use sansocket::Args;
use serde_json::value::RawValue;

use crate::args::{EncodeError, IntoArgs, with_args};

/// A packet taken apart; `json` is whatever ends it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Packet<'a> {
    pub(super) kind: Kind,
    pub(super) attachments: usize,
    pub(super) namespace: &'a str,
    pub(super) id: Option<u64>,
    pub(super) json: &'a str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

impl<'a> Packet<'a> {
    /// Takes a packet apart; `None` when it is none.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (kind, text) = text.split_at_checked(1)?;
        let (kind, is_binary) = match kind {
            "0" => (Kind::Connect, false),
            "1" => (Kind::Disconnect, false),
            "2" => (Kind::Event, false),
            "3" => (Kind::Ack, false),
            "4" => (Kind::ConnectError, false),
            "5" => (Kind::Event, true),
            "6" => (Kind::Ack, true),
            _ => return None,
        };
        let (attachments, text) = match is_binary {
            true => text.split_once('-')?,
            false => ("0", text),
        };
        let (namespace, text) = match text.starts_with('/') {
            true => text.split_once(',').unwrap_or((text, "")),
            false => ("/", text),
        };
        let json = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let id = &text[..text.len() - json.len()];
        Some(Self {
            kind,
            attachments: attachments.parse().ok()?,
            namespace,
            id: if id.is_empty() { None } else { Some(id.parse().ok()?) },
            json,
        })
    }

    /// Returns the text, as the payload of an Engine.IO message.
    pub(super) fn write(&self) -> String {
        let Self { kind, attachments, namespace, id, json } = self;
        let is_binary = *attachments > 0;
        let mut text = String::from(match (kind, is_binary) {
            (Kind::Connect, _) => "40",
            (Kind::Disconnect, _) => "41",
            (Kind::Event, false) => "42",
            (Kind::Ack, false) => "43",
            (Kind::ConnectError, _) => "44",
            (Kind::Event, true) => "45",
            (Kind::Ack, true) => "46",
        });
        if is_binary {
            text += &format!("{attachments}-");
        }
        if *namespace != "/" {
            text += &format!("{namespace},");
        }
        if let Some(id) = id {
            text += &id.to_string();
        }
        text + json
    }
}

/// Encodes arguments as an application would.
///
/// # Panics
/// When they have no JSON form.
#[track_caller]
pub(super) fn encode(args: impl IntoArgs) -> Args {
    let copied = with_args(args, |args| Ok::<_, EncodeError>(args.to_args()));
    copied.unwrap_or_else(|error| panic!("{error}"))
}

/// Puts the name of an event before its arguments.
pub(super) fn with_name(name: &str, args: &str) -> String {
    let name = serde_json::Value::from(name);
    match args.strip_prefix('[') {
        None | Some("]") => format!("[{name}]"),
        Some(rest) => format!("[{name},{rest}"),
    }
}

/// Takes the name of an event from before its arguments; `None` when there is none.
pub(super) fn split_name(json: &str, attachments: Vec<Bytes>) -> Option<(String, Args)> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let (name, args) = elements.split_first()?;
    let name = serde_json::from_str(name.get()).ok()?;
    let args: Vec<&str> = args.iter().map(|raw| raw.get()).collect();
    let args = Args::from_json(&format!("[{}]", args.join(",")), attachments).ok()?;
    Some((name, args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_as_they_were_written() {
        for text in [
            "40",
            "40/a,{\"sid\":\"x\"}",
            "41/a,",
            "42[\"x\"]",
            "42/a,7[\"x\",1]",
            "430[]",
            "44{\"message\":\"/a,1\"}",
            "452-[\"x\"]",
            "461-/a,12[1]",
        ] {
            let packet = Packet::parse(&text[1..]).expect("it is a packet");
            assert_eq!(packet.write(), text);
        }
    }

    #[test]
    fn what_is_no_packet_is_not_read() {
        for text in ["", "7", "5[\"x\"]", "5x-[\"x\"]", "é"] {
            assert_eq!(Packet::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_put_before_arguments_and_taken_away() {
        for (args, whole) in [("[]", r#"["\"a"]"#), (r#"[1,{"b":[]}]"#, r#"["\"a",1,{"b":[]}]"#)] {
            assert_eq!(with_name("\"a", args), whole);
            let (name, split) = split_name(whole, Vec::new()).expect("it has a name");
            assert_eq!((&*name, split.json()), ("\"a", args));
        }
        assert_eq!(split_name("[]", Vec::new()), None);
    }
}
