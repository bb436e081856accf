//! What a connection pulls: frames on a WebSocket, requests on the other streams.

use super::channel::Stage;
use super::request::Making;
use super::state::{Probe, State};
use crate::client::Client;
use crate::client::action::Purpose;
use crate::client::config::Transport;
use crate::client::event::Event;
use crate::engine::terms::Revision;
use crate::engine::{forms, payload};
use crate::link::{Exchange, Feed, Link, Next, Transmit};
use crate::socket::Frame;
use crate::socket::encoded::{Packet, Part};
use crate::ws::CloseCode;

impl Feed for Client {
    fn next_frame(&mut self, link: Link) -> Next {
        let Some(purpose) = self.engine.purpose(link) else { return Next::Nothing };
        if let Some(channel) = self.engine.channel(purpose) {
            channel.noted = false;
        }
        if purpose != Purpose::WebSocket || self.engine.state != State::WebSocket {
            return Next::Other;
        }
        let frame = self.engine.outbox.next_frame(self.clock.latest());
        self.note_relief();
        match frame {
            Some(frame) => Next::Frame(self.in_form(frame)),
            None => Next::Nothing,
        }
    }

    fn next_other(&mut self, link: Link) -> Option<Transmit> {
        let purpose = self.engine.purpose(link)?;
        match (purpose, self.engine.state) {
            (Purpose::WebSocket, State::Probing(Probe::Due)) => {
                self.engine.state = State::Probing(Probe::Asked);
                Some(Transmit::Frame(Frame::text("2probe")))
            }
            (Purpose::WebSocket, State::Closing(Transport::WebSocket)) => {
                if let Some(frame) = self.engine.outbox.next_frame(self.clock.latest()) {
                    return Some(Transmit::Frame(self.in_form(frame)));
                }
                self.engine.channel(purpose)?.stage = Stage::Ending;
                Some(Transmit::Close(CloseCode::NORMAL))
            }
            (
                Purpose::Poll | Purpose::Post | Purpose::WebSocket,
                State::Closing(_)
                | State::None
                | State::Opening(_)
                | State::Pausing
                | State::Polling
                | State::Probing(_)
                | State::WebSocket,
            ) => None,
        }
    }

    fn next_exchange(&mut self, link: Link) -> Option<Exchange> {
        let purpose = self.engine.purpose(link)?;
        let due = self.engine.channel(purpose).is_some_and(|it| matches!(it.stage, Stage::Due));
        // While polling pauses for an upgrade, a request that was not made yet is not made.
        if !due || (self.engine.state == State::Pausing && purpose != Purpose::WebSocket) {
            return None;
        }
        let body = if purpose == Purpose::Post { Some(self.next_payload()?) } else { None };
        self.engine.channel(purpose)?.stage = Stage::Asked;
        let now = self.clock.latest();
        let nonce = self.seeds.draw();
        let (config, engine) = (&*self.config, &mut self.engine);
        let route = engine.route.as_deref()?;
        let kept = config.cookies && route.is_trusted(config);
        let (path, secure) = (route.path(config), route.endpoint.is_secure());
        let cookies = if kept { engine.jar.field(now, path, secure) } else { None };
        let transport = match purpose {
            Purpose::Poll | Purpose::Post => Transport::Polling,
            Purpose::WebSocket => Transport::WebSocket,
        };
        let sid = engine.session.as_ref().map(|session| &*session.sid);
        let revision = engine.revision;
        let making = Making { config, route, transport, revision, sid, nonce, cookies };
        Some(match body {
            Some(body) => making.post(body),
            None => making.get(),
        })
    }

    fn is_over(&self, _link: Link) -> bool {
        false
    }
}

impl Client {
    /// The body of the next POST; `None` when what waited can no longer be sent in time.
    fn next_payload(&mut self) -> Option<Vec<u8>> {
        let most = self.engine.session.as_ref()?.max_payload;
        let messages = self.config.limits.packets_per_poll;
        let body = self.engine.outbox.next_payload(
            self.clock.latest(),
            self.engine.revision,
            messages,
            most,
        );
        self.note_relief();
        if body.is_empty() {
            self.engine.dues.post = crate::time::Tick::NEVER;
            self.engine.channel(Purpose::Post)?.stage = Stage::Ready;
            return None;
        }
        Some(body)
    }

    /// A frame in the form that the settings ask for.
    fn in_form(&self, frame: Frame) -> Frame {
        if frame.is_text() {
            return frame;
        }
        match self.engine.revision {
            Revision::V3(binary) => {
                forms::typed(&Packet::of(frame.clone()), binary).into_frame().unwrap_or(frame)
            }
            Revision::V4 if self.config.base64 => in_base64(&frame),
            Revision::V4 => frame,
        }
    }

    /// Tells the application that there is room again.
    fn note_relief(&mut self) {
        if self.engine.congested && self.engine.outbox.bytes() <= self.config.limits.low_water {
            self.engine.congested = false;
            self.outputs.tell(Event::Drained);
        }
    }
}

/// A binary frame of revision 4 as a text.
fn in_base64(frame: &Frame) -> Frame {
    let mut text = Vec::new();
    payload::put_separated(&mut text, Part::Binary(frame.payload()));
    Frame::text(std::str::from_utf8(&text).unwrap_or_default())
}
