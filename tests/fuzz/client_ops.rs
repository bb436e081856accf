//! Any sequence of what an application, a server and the clock can do to a client: no loop and no growth
//! beyond the limits, every question has one outcome, and in the end nothing is left.

use arbitrary::{Result, Unstructured};
use sansocket::client::{
    Auth, AuthRequest, Config, Event, Namespace, OfflinePolicy, Purpose, Refused, Retries,
    Revision, Ticket, Transport,
};
use sansocket::{ArgsRef, Bytes, Response};
use std::collections::BTreeSet;
use std::time::Duration;
use testbed::script::{Network, Script, WebSockets};

pub(super) fn run(data: &[u8]) {
    // The last bytes choose the settings, so that the steps stay what they are.
    let (steps, choice) = data.split_last_chunk().unwrap_or((data, &[0; 2]));
    let mut play = Play::new(u16::from_le_bytes(*choice));
    let mut input = Unstructured::new(steps);
    for _ in 0..MAX_STEPS {
        if input.is_empty() || play.step(&mut input).is_err() {
            break;
        }
        play.check();
    }
    play.end();
}

const MAX_STEPS: usize = 200;

struct Play {
    script: Script,
    /// Questions without an outcome.
    open: BTreeSet<Ticket>,
    asks: Vec<(Namespace, AuthRequest)>,
    acks: Vec<sansocket::client::AckToken>,
}

const NAMES: [&str; 3] = ["/", "/a", "/b"];

const PURPOSES: [Purpose; 3] = [Purpose::Poll, Purpose::Post, Purpose::WebSocket];

/// What servers say, on any transport.
const PACKETS: [&str; 32] = [
    OPEN,
    "0{\"sid\":\"S\",\"upgrades\":[\"websocket\"],\"pingInterval\":300,\"pingTimeout\":200,\"maxPayload\":60}",
    "0{\"sid\":\"S\",\"pingInterval\":0,\"pingTimeout\":0}",
    "3probe",
    "2",
    "6",
    "1",
    "3",
    "5",
    "7",
    "",
    "40",
    "40{\"sid\":\"i\"}",
    "40{\"sid\":\"i\",\"pid\":\"p\"}",
    "40/a,{\"sid\":\"j\"}",
    "40/b,{\"sid\":\"k\",\"pid\":\"q\"}",
    "44{\"message\":\"no\",\"data\":[1]}",
    "44/a,\"no\"",
    "41",
    "41/a,",
    "42[\"e\",\"offset\"]",
    "427[\"asks\",1]",
    "42/a,8[\"asks\"]",
    "430[1]",
    "431[\"x\"]",
    "43/a,0[]",
    "432[]",
    "451-[\"b\",{\"_placeholder\":true,\"num\":0}]",
    "461-0[{\"_placeholder\":true,\"num\":0}]",
    "bAQID",
    "4nonsense",
    "45999999999-[\"a\"]",
];

const OPEN: &str = "0{\"sid\":\"S\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
                    \"pingTimeout\":20000,\"maxPayload\":1000}";

impl Play {
    fn new(choice: u16) -> Self {
        let script = Script::new(|config| choose(choice, config));
        Self { script, open: BTreeSet::new(), asks: Vec::new(), acks: Vec::new() }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match input.int_in_range(0..=9)? {
            0..=2 => self.command(input)?,
            3 => self.emit(input)?,
            4 | 5 => self.answer(input)?,
            6 => self.message(input)?,
            7 => self.network(input)?,
            8 => self.supply(input)?,
            _ => {
                let millis = input.int_in_range(0..=50_000)?;
                if input.arbitrary()? {
                    self.script.jump(millis);
                } else {
                    self.script.advance(millis);
                }
            }
        }
        self.hear();
        Ok(())
    }

    fn command(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let name = *input.choose(&NAMES)?;
        match input.int_in_range(0..=6)? {
            0..=2 => self.script.join(name),
            3 => self.script.on(name, |mut socket| socket.leave()),
            4 => {
                let auth = match input.int_in_range(0..=2)? {
                    0 => Auth::None,
                    1 => Auth::Asked,
                    _ => Auth::Value("{\"t\":1}".into()),
                };
                let set = self.script.on(name, |mut socket| socket.set_auth(auth));
                set.expect("it is an object");
            }
            5 => {
                let choice = input.arbitrary()?;
                self.script.set(|config| choose(choice, config));
            }
            _ => match input.int_in_range(0..=3)? {
                0 => self.script.client.close(self.script.now),
                1 => self.script.client.handle_network_change(self.script.now),
                2 => self.script.client.proceed(self.script.now),
                _ => self.script.on(name, |socket| socket.forget()),
            },
        }
        self.script.run();
        Ok(())
    }

    fn emit(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let name = *input.choose(&NAMES)?;
        let attachments = [Bytes::from_static(b"one"), Bytes::from_static(b"")];
        let attachments = &attachments[..input.int_in_range(0..=2)?];
        let long = format!("[\"{}\"]", "x".repeat(input.int_in_range(0..=80)?));
        let args = ArgsRef::from_valid(&long, attachments);
        let kind = input.int_in_range(0..=4)?;
        let time = Duration::from_millis(input.int_in_range(0..=40_000)?);
        let asked = self.script.on(name, |mut socket| match kind {
            0 => socket.emit("e", args).map(|()| None),
            1 => socket.emit_volatile("v", args).map(|_| None),
            2 => socket.emit_within(time, "w", args).map(|()| None),
            3 => socket.emit_with_ack("q", args, Some(time)).map(Some),
            _ => socket.emit_with_ack("q", args, None).map(Some),
        });
        match asked {
            Ok(ticket) => self.open.extend(ticket),
            Err(Refused::Misuse(misuse)) => panic!("{misuse}"),
            Err(_) => {}
        }
        Ok(())
    }

    /// An answer to a request.
    fn answer(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let purpose = *input.choose(&PURPOSES)?;
        if !self.script.is_asked(purpose) {
            return Ok(());
        }
        let status = *input.choose(&[200, 200, 200, 200, 204, 302, 400, 503])?;
        let packets = (0..input.int_in_range(1..=3)?)
            .map(|_| input.choose(&PACKETS).copied())
            .collect::<Result<Vec<_>>>()?;
        let body = self.body(&packets);
        let mut response = Response::with_body(status, "text/plain", body);
        match input.int_in_range(0..=3)? {
            0 => response = response.header("location", "/x/?y=1"),
            1 => response = response.header("location", "https://b.example/"),
            2 => {
                response =
                    response.header("set-cookie", "a=1; Max-Age=5").header("retry-after", "9");
            }
            _ => {}
        }
        self.script.respond(purpose, response);
        Ok(())
    }

    fn is_old(&self) -> bool {
        self.script.client.config().revision == Revision::EngineIo3
    }

    /// A payload as the settings have it; the session may be of other settings.
    fn body(&self, packets: &[&str]) -> Vec<u8> {
        if !self.is_old() {
            return packets.join("\u{1e}").into();
        }
        if packets.contains(&"bAQID") {
            return packets.iter().flat_map(|packet| framed(packet)).collect();
        }
        packets.iter().flat_map(|it| format!("{}:{it}", it.len()).into_bytes()).collect()
    }

    fn message(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        if !self.script.has(Purpose::WebSocket) || self.script.is_asked(Purpose::WebSocket) {
            return Ok(());
        }
        match input.int_in_range(0..=9)? {
            0 if self.is_old() => self.script.binary(b"\x04\x02"),
            0 => self.script.binary(b"\x01\x02"),
            1 => self.script.farewell(),
            _ => self.script.text(input.choose(&PACKETS)?),
        }
        Ok(())
    }

    fn network(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let purpose = *input.choose(&PURPOSES)?;
        match input.int_in_range(0..=5)? {
            0 => self.script.cut(purpose),
            1 => self.script.tear(purpose),
            2 => {
                let most = usize::from(input.int_in_range(0..=9_u8)?);
                let bytes = input.bytes(most.min(input.len()))?;
                self.script.raw(purpose, bytes);
            }
            3 => {
                self.script.network =
                    *input.choose(&[Network::Open, Network::Hang, Network::Refuse])?;
            }
            _ => {
                self.script.websockets = *input.choose(&[
                    WebSockets::Accept,
                    WebSockets::Hang,
                    WebSockets::Refuse(400),
                    WebSockets::Protocol("x"),
                ])?;
            }
        }
        Ok(())
    }

    /// Answers what the client asked for.
    fn supply(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        if let Some((namespace, ask)) = self.asks.pop() {
            let auth = if input.arbitrary()? {
                Ok(Some("{\"t\":2}"))
            } else {
                Err(sansocket::client::Fault::transport("no token"))
            };
            if let Some(mut socket) = self.script.client.socket(self.script.now, namespace) {
                socket.supply_auth(ask, auth).expect("it is an object");
            }
        }
        if let Some(ack) = self.acks.pop()
            && let Some(mut socket) = self.script.client.socket(self.script.now, ack.namespace())
        {
            // It may be larger than the server takes.
            let _ = socket.acknowledge(ack, ArgsRef::from_valid("[true]", &[]));
        }
        self.script.run();
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest asks for nothing")]
    fn hear(&mut self) {
        for event in self.script.take_events() {
            match event {
                Event::Answer { ticket, .. } => {
                    assert!(self.open.remove(&ticket), "{ticket:?} has a second outcome");
                }
                Event::NeedsAuth { namespace, ask } => self.asks.push((namespace, ask)),
                Event::Message { ack, .. } => self.acks.extend(ack),
                _ => {}
            }
        }
        let _ = self.script.lines();
    }

    fn check(&self) {
        let limits = &self.script.client.config().limits;
        // An acknowledgement, the packets of a session and what comes back after one have no bound of their
        // own: there are no more of them than steps.
        let most = limits.max_backlog + MAX_STEPS * 2000;
        assert!(self.script.client.backlog() <= most, "{}", self.script.client.backlog());
    }

    /// All namespaces are left and forgotten, and time passes.
    fn end(&mut self) {
        self.script.network = Network::Open;
        self.script.client.close(self.script.now);
        self.script.run();
        self.script.advance(200_000);
        self.hear();
        assert!(self.script.client.is_idle(), "{:?}", self.script.client);
        for purpose in PURPOSES {
            assert!(!self.script.has(purpose), "{purpose:?} is left");
        }
        for name in NAMES {
            self.script.on(name, |socket| socket.forget());
        }
        self.hear();
        assert!(self.open.is_empty(), "{:?} have no outcome", self.open);
        self.script.advance(200_000);
        assert_eq!(self.script.wait(), None);
    }
}

/// A packet in a payload of revision 3 that is framed in bytes.
fn framed(packet: &str) -> Vec<u8> {
    let (kind, bytes) = match packet {
        "bAQID" => (1, [4, 1, 2, 3].as_slice()),
        text => (0, text.as_bytes()),
    };
    let mut out = vec![kind];
    out.extend(bytes.len().to_string().bytes().map(|digit| digit - b'0'));
    out.push(0xff);
    out.extend_from_slice(bytes);
    out
}

/// Settings from the bits of a number.
fn choose(choice: u16, config: &mut Config) {
    let bit = |n: u16| choice >> n & 1 == 1;
    config.transports = match choice & 3 {
        0 | 3 => vec![Transport::Polling, Transport::WebSocket],
        1 => vec![Transport::WebSocket, Transport::Polling],
        _ => vec![Transport::Polling],
    };
    config.revision = if choice & 3 == 3 { Revision::EngineIo3 } else { Revision::EngineIo4 };
    config.try_all = bit(2);
    config.remember_upgrade = bit(3);
    config.base64 = bit(4);
    config.ask_settings = bit(5);
    config.cookies = bit(6);
    config.report_sent = bit(7);
    config.retries = bit(8).then(|| Retries::new(1, Duration::from_secs(2)));
    config.offline.policy = match (bit(9), bit(10)) {
        (false, false) => OfflinePolicy::Buffer,
        (false, true) => OfflinePolicy::Refuse,
        (true, _) => OfflinePolicy::DropOldest,
    };
    config.offline.events = if bit(11) { 3 } else { 1000 };
    config.limits.max_backlog = if bit(12) { 700 } else { 1 << 20 };
    config.limits.low_water = if bit(12) { 300 } else { 65_536 };
    config.limits.packets_per_poll = if bit(13) { 1 } else { 16 };
    if bit(14) {
        config.reconnect.get_or_insert_default().attempts = Some(2);
    }
    if bit(15) {
        config.reconnect = None;
    }
}
