//! Packets of the server: OPEN, PING, CLOSE, messages, and the steps of an upgrade.

use std::borrow::Cow;
use std::time::Duration;

use super::channel::Stage;
use super::engine::{Session, Step};
use super::state::{Probe, State};
use crate::client::Client;
use crate::client::action::Purpose;
use crate::client::config::Transport;
use crate::client::event::{Event, Reason};
use crate::client::fault::{Fault, Kind};
use crate::engine::base64;
use crate::engine::packet::Packet;
use crate::engine::terms::{Revision, Terms};
use crate::engine::{Opened, payload};
use crate::error::Violation;
use crate::link::Message;
use crate::time::Tick;

/// The longest session id, in bytes.
const SID: usize = 1024;

/// The longest interval between PINGs.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Client {
    /// The body of an answer to a GET.
    pub(super) fn on_payload(&mut self, now: Tick, body: &[u8]) {
        let packets = match payload::split(Terms::of(self.engine.revision), body) {
            Ok(packets) => packets,
            Err(violation) => return self.on_violation(now, violation),
        };
        for (count, packet) in packets.enumerate() {
            if count >= self.config.limits.packets {
                return self.on_violation(now, Violation::TooManyPackets);
            }
            let outcome = match (self.engine.state, packet) {
                (State::Opening(Transport::Polling), Ok(Message::Text(packet))) => {
                    self.on_open(now, packet, Transport::Polling);
                    Ok(())
                }
                (State::Opening(Transport::Polling), Ok(Message::Binary(_))) => {
                    Err(Violation::UnknownPacket)
                }
                (
                    State::Pausing | State::Polling | State::Probing(_),
                    Ok(Message::Text(packet)),
                ) => self.on_packet(now, packet),
                (
                    State::Pausing | State::Polling | State::Probing(_),
                    Ok(Message::Binary(bytes)),
                ) => self.on_bytes(now, bytes),
                (_, Err(violation)) => Err(violation),
                (
                    State::Closing(_)
                    | State::None
                    | State::Opening(Transport::WebSocket)
                    | State::WebSocket,
                    Ok(_),
                ) => return,
            };
            if let Err(violation) = outcome {
                return self.on_violation(now, violation);
            }
        }
    }

    /// A message on the WebSocket.
    pub(in crate::client) fn on_message(&mut self, now: Tick, message: Message<'_>) {
        let outcome = match (self.engine.state, message) {
            (State::WebSocket, Message::Text(text)) => self.on_packet(now, text),
            (State::WebSocket, Message::Binary(bytes)) => self.on_bytes(now, bytes),
            (State::Opening(Transport::WebSocket), Message::Text(text)) => {
                self.on_open(now, text, Transport::WebSocket);
                Ok(())
            }
            (State::Opening(Transport::WebSocket), Message::Binary(_)) => {
                Err(Violation::UnknownPacket)
            }
            (State::Probing(Probe::Asked), Message::Text("3probe")) => {
                self.engine.state = State::Pausing;
                Ok(())
            }
            (State::Pausing | State::Probing(_), Message::Binary(_) | Message::Text(_)) => {
                self.give_up_probe(Fault::new(
                    Kind::Protocol,
                    "the server answered the probe of the WebSocket with something else",
                ));
                Ok(())
            }
            (
                State::Closing(_)
                | State::None
                | State::Opening(Transport::Polling)
                | State::Polling,
                Message::Binary(_) | Message::Text(_),
            ) => Ok(()),
        };
        if let Err(violation) = outcome {
            self.on_violation(now, violation);
        }
    }

    /// One packet of an open session.
    fn on_packet(&mut self, now: Tick, text: &str) -> Result<(), Violation> {
        let packet = Packet::parse(text)?;
        if packet != Packet::Pong {
            self.engine.note_life(now);
        }
        match packet {
            Packet::Message(text) => self.on_text(now, text),
            Packet::Binary(text) => {
                let text = match self.engine.revision {
                    Revision::V3(_) => text.strip_prefix('4').ok_or(Violation::UnknownPacket)?,
                    Revision::V4 => text,
                };
                let bytes = base64::decode(text).ok_or(Violation::InvalidBase64)?;
                self.on_binary(now, Cow::Owned(bytes))
            }
            Packet::Ping(_) => {
                self.engine.note_ping(now)?;
                self.engine.pong(self.config.limits.pongs);
                Ok(())
            }
            Packet::Close => {
                self.end(now, Reason::TransportClose, None);
                Ok(())
            }
            Packet::Noop => Ok(()),
            Packet::Pong => self.engine.note_pong(now),
            Packet::Open | Packet::Upgrade => Err(Violation::UnknownPacket),
        }
    }

    /// One binary message as it travels: in revision 3 behind its type, a byte (engine.io-protocol v3,
    /// "Packet").
    fn on_bytes(&mut self, now: Tick, bytes: &[u8]) -> Result<(), Violation> {
        self.engine.note_life(now);
        let content = match self.engine.revision {
            Revision::V3(_) => bytes.strip_prefix(b"\x04").ok_or(Violation::UnknownPacket)?,
            Revision::V4 => bytes,
        };
        self.on_binary(now, Cow::Borrowed(content))
    }

    /// The first packet of a session.
    fn on_open(&mut self, now: Tick, text: &str, transport: Transport) {
        let opened = match opened(text) {
            Ok(opened) => opened,
            Err(violation) => {
                return self.fail_with(now, Fault::violation(Kind::Protocol, violation));
            }
        };
        let config = &self.config;
        let upgrades =
            opened.upgrades && config.upgrade && config.transports.contains(&Transport::WebSocket);
        let engine = &mut self.engine;
        engine.session = Some(Session::new(opened));
        engine.start_beat(now);
        engine.dues.phase = Tick::NEVER;
        engine.state = match transport {
            Transport::WebSocket => State::WebSocket,
            Transport::Polling if upgrades => State::Probing(Probe::Opening),
            Transport::Polling => State::Polling,
        };
        if upgrades && transport == Transport::Polling {
            engine.dues.probe = now.after(config.timeout);
        }
        engine.remembered |= transport == Transport::WebSocket;
        self.on_opened(now);
    }

    /// The server broke a rule of packets.
    pub(in crate::client) fn on_violation(&mut self, now: Tick, violation: Violation) {
        match self.engine.state {
            State::Opening(_) => self.fail_with(now, Fault::violation(Kind::Protocol, violation)),
            State::Pausing | State::Polling | State::Probing(_) | State::WebSocket => {
                let fault = Fault::violation(Kind::Protocol, violation);
                self.end(now, Reason::ParseError, Some(fault));
            }
            State::Closing(_) => self.finish(now),
            State::None => {}
        }
    }

    /// An attempt fails on the transport that is tried.
    fn fail_with(&mut self, now: Tick, fault: Fault) {
        match self.engine.state {
            State::Opening(Transport::Polling) => self.on_polling_failed(now, fault),
            State::Opening(Transport::WebSocket) => {
                self.on_websocket_failed(now, Reason::TransportError, fault);
            }
            State::Closing(_)
            | State::None
            | State::Pausing
            | State::Polling
            | State::Probing(_)
            | State::WebSocket => {}
        }
    }

    /// The WebSocket that was tried is given up; the session goes on.
    pub(in crate::client) fn give_up_probe(&mut self, fault: Fault) {
        self.engine.drop_channel(Purpose::WebSocket, &mut self.outputs);
        self.engine.state = State::Polling;
        self.engine.dues.probe = Tick::NEVER;
        self.engine.remembered = false;
        self.outputs.tell(Event::UpgradeFailed { fault });
    }

    /// Does what the state of the session asks for.
    pub(in crate::client) fn advance(&mut self, now: Tick) {
        match self.engine.advance(now, &self.config, &mut self.outputs) {
            Step::Closed => {
                self.finish(now);
                self.advance(now);
            }
            Step::Upgraded => self.outputs.tell(Event::Upgraded),
            Step::Nothing => {}
        }
    }

    /// The host opened a stream.
    pub(in crate::client) fn on_stream(&mut self, purpose: Purpose) {
        if let Some(channel) = self.engine.channel(purpose)
            && matches!(channel.stage, Stage::Opening)
        {
            channel.stage = Stage::Ready;
        }
    }
}

/// Reads an OPEN packet, within bounds that no honest server needs.
fn opened(text: &str) -> Result<Opened, Violation> {
    let opened = Opened::parse(text)?;
    let times = [opened.ping_interval, opened.ping_timeout];
    let sane = times.into_iter().all(|time| time > Duration::ZERO && time <= DAY);
    if sane && (1..=SID).contains(&opened.sid.len()) {
        Ok(opened)
    } else {
        Err(Violation::InvalidPacket)
    }
}
