//! Any sequence of what peers, clock and application can do: indexes agree after every step, every
//! request is answered once, every question and every client has one outcome, and in the end nothing
//! is left.

mod form;
mod ledger;
mod open;
mod settings;

use arbitrary::{Result, Unstructured};
use sansocket::{
    ArgsRef, Bytes, Counts, Disconnect, Id, Link, Method, Response, Target, Verdict, Violation,
};
use std::collections::HashMap;
use std::time::Duration;

use super::host::Host;
use form::Form;
use ledger::{Ledger, Owed};
use open::Opened;

pub(super) fn run(data: &[u8]) {
    // The last bytes choose the settings, so that the steps stay what they are.
    let (steps, choice) = data.split_last_chunk().unwrap_or((data, &[0; 4]));
    let mut play = Play::new(u32::from_le_bytes(*choice));
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

/// One shard with everything around it.
struct Play {
    host: Host,
    /// Sessions that ever were.
    opened: Vec<Opened>,
    ledger: Ledger,
    /// How the sessions talk whose links these are.
    forms: HashMap<Link, Form>,
}

impl Play {
    fn new(choice: u32) -> Self {
        let host = Host::new(|config| settings::choose(choice, config));
        Self { host, opened: Vec::new(), ledger: Ledger::default(), forms: HashMap::new() }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match input.int_in_range(0..=9)? {
            0 => self.open(input),
            1 | 2 => self.request(input),
            3 | 4 => self.message(input),
            5 => self.write(input),
            6 => self.network(input),
            7 => self.one(input),
            8 => self.many(input),
            _ => self.rest(input),
        }
    }

    /// GET, POST or upgrade of a session that may be over.
    fn request(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let Some(of) = pick(&self.opened, input)?.cloned() else { return Ok(()) };
        let (method, transport) = match input.int_in_range(0..=3)? {
            0 | 1 => (Method::Get, "polling"),
            2 => (Method::Post, "polling"),
            _ => (Method::Get, "websocket"),
        };
        let target = format!("{}&sid={}", of.form.target(transport), of.sid);
        let known = self.host.server.finds(&of.sid);
        match self.host.ask(method, &target, of.origin, None) {
            Verdict::Respond(response) => {
                settings::check_answer(self.host.server.config(), &response, of.origin);
                if !known && response.status == 200 {
                    self.released(&of, method, &response);
                }
            }
            Verdict::Hold(Some(link)) => self.ledger.request(link, of.origin),
            Verdict::Body { link: Some(link), .. } => {
                self.forms.insert(link, of.form);
                self.ledger.body(link, of.origin);
            }
            Verdict::Upgrade { link: Some(link), .. } => {
                self.forms.insert(link, of.form);
                self.ledger.websocket(link);
            }
            verdict @ (Verdict::Body { link: None, .. }
            | Verdict::Continue
            | Verdict::Hold(None)
            | Verdict::Pass
            | Verdict::Upgrade { link: None, .. }) => panic!("{verdict:?} to a request"),
        }
        Ok(())
    }

    /// A poll of a session that is over was answered: it may have crossed the CLOSE, which one poll can.
    fn released(&mut self, of: &Opened, method: Method, response: &Response) {
        assert_eq!((method, &*response.body), (Method::Get, of.form.noop()));
        let session =
            self.opened.iter_mut().find(|opened| opened.sid == of.sid).expect("it was opened");
        assert!(!std::mem::replace(&mut session.released, true), "one poll is released");
    }

    /// A body for a POST, or a message on whatever link.
    fn message(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        if input.ratio(1, 3)? {
            let Some(link) = pick(&self.ledger.bodies, input)?.copied() else { return Ok(()) };
            let packets = (0..input.int_in_range(1..=4)?)
                .map(|_| input.choose(&PACKETS).copied())
                .collect::<Result<Vec<_>>>()?;
            self.ledger.bodies.retain(|&other| other != link);
            let body = self.form(link).body(&packets);
            let verdict = self.host.server.handle_body(self.host.now, link, &body);
            let Verdict::Respond(response) = verdict else { panic!("a body is answered") };
            self.ledger.answer(&self.host.server, link, &response);
            assert!(self.host.server.poll_transmit(link).is_none(), "and only once");
            return Ok(());
        }
        let Some(link) = pick(&self.ledger.links, input)?.copied() else { return Ok(()) };
        match *input.choose(&PACKETS)? {
            "bAQID" => self.host.binary(link, self.form(link).binary()),
            text => self.host.text(link, text),
        }
        Ok(())
    }

    /// How the session talks that a link is of.
    fn form(&self, link: Link) -> Form {
        self.forms.get(&link).copied().unwrap_or_default()
    }

    fn write(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        if input.arbitrary()? {
            while let Some(link) = self.host.server.poll_link() {
                self.ledger.pull(&mut self.host.server, link, usize::MAX);
            }
            return Ok(());
        }
        let Some(link) = pick(&self.ledger.links, input)?.copied() else { return Ok(()) };
        let most = input.int_in_range(1..=4)?;
        self.ledger.pull(&mut self.host.server, link, most);
        Ok(())
    }

    /// Streams end, time passes.
    fn network(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let link = pick(&self.ledger.links, input)?.copied();
        match (input.int_in_range(0..=4)?, link) {
            (0, Some(link)) => {
                self.ledger.gone(link);
                self.host.server.handle_closed(self.host.now, link);
            }
            (1, Some(link)) => {
                self.ledger.gone(link);
                let violation = Violation::ReservedBits;
                self.host.server.handle_violation(self.host.now, link, violation);
            }
            (2, _) => self.host.advance(Duration::from_millis(input.int_in_range(0..=50_000)?)),
            (3, _) => {
                if let Some(due) = self.host.server.poll_timeout() {
                    self.host.now = self.host.now.max(due);
                    self.host.server.handle_timeout(self.host.now);
                }
            }
            _ => self.ledger.hear(&mut self.host.server),
        }
        Ok(())
    }

    /// Commands about one client.
    fn one(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let Some(socket) = pick(&self.ledger.sockets, input)?.copied() else { return Ok(()) };
        let now = self.host.now;
        let server = &mut self.host.server;
        let kind = input.int_in_range(0..=9)?;
        let room = *input.choose(&ROOMS)?;
        match kind {
            0 => drop(server.admit(now, socket)),
            1 => drop(server.admit_as(now, socket, former())),
            2 => {
                if server.refuse(now, socket, "{}").is_ok() {
                    self.ledger.refused(socket);
                }
            }
            _ => {
                let Some(mut client) = server.socket(socket) else { return Ok(()) };
                match kind {
                    3 => {
                        let attachments = [Bytes::from_static(b"one"), Bytes::from_static(b"")];
                        let attachments = &attachments[..input.int_in_range(0..=2)?];
                        let args = ArgsRef::from_valid("[\"0123456789\"]", attachments);
                        // A client that does not read is refused.
                        let _ = client.emit("e", args);
                    }
                    4 => drop(client.emit_volatile("v", ArgsRef::NONE)),
                    5 => {
                        let timeout = Duration::from_millis(input.int_in_range(0..=60_000)?);
                        if let Ok(ticket) = client.emit_with_ack(now, "q", ArgsRef::NONE, timeout) {
                            self.ledger.asked(ticket, Owed::One);
                        }
                    }
                    6 => drop(client.join(room)),
                    7 => drop(client.leave(room)),
                    8 => client.disconnect(now, disconnect(input)?),
                    _ => client.close_transport(now),
                }
            }
        }
        Ok(())
    }

    /// Commands about many.
    fn many(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let own = pick(&self.ledger.ids, input)?.map(ToString::to_string);
        let mut names: Vec<&str> = own.as_deref().into_iter().chain(ROOMS).collect();
        names.retain(|_| input.ratio(1, 3).unwrap_or_default());
        let (rooms, except) = names.split_at(input.int_in_range(0..=names.len())?);
        let namespace = *input.choose(&["/", "/a"])?;
        let volatile = input.arbitrary()?;
        let to = Target { rooms, except, volatile, ..Target::namespace(namespace) };
        let now = self.host.now;
        let server = &mut self.host.server;
        match input.int_in_range(0..=5)? {
            0 => server.broadcast(&to, "b", ArgsRef::from_valid("[1]", &[])).expect("it is sent"),
            1 => {
                let timeout = Duration::from_millis(input.int_in_range(0..=60_000)?);
                let ticket = server.broadcast_with_ack(now, &to, "q", ArgsRef::NONE, timeout);
                self.ledger.asked(ticket.expect("it is sent"), Owed::Many);
            }
            2 => server.join_all(now, &to, &ROOMS[..2]),
            3 => server.leave_all(now, &to, &ROOMS[1..]),
            4 => server.disconnect_all_of(now, &to, disconnect(input)?),
            _ => drop(server.find(&to)),
        }
        Ok(())
    }

    fn rest(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let now = self.host.now;
        if input.ratio(1, 20)? {
            self.host.server.shutdown(now);
        } else if let Some(token) = self.ledger.owed.pop() {
            self.host.server.acknowledge(token, ArgsRef::from_valid("[true]", &[]));
        }
        Ok(())
    }

    fn check(&self) {
        self.host.server.check();
        let counts = self.host.server.counts();
        let limits = &self.host.server.config().limits;
        let backlog = limits.max_backlog;
        let most = counts.sessions * (2 * backlog + 900) + counts.sockets * (backlog + 100);
        assert!(counts.bytes <= most, "{counts:?}");
        assert!(counts.sockets <= usize::from(limits.namespaces) * counts.sessions, "{counts:?}");
        assert!(counts.handshakes <= counts.sessions.min(limits.handshakes), "{counts:?}");
        assert!(counts.sessions <= limits.sessions, "{counts:?}");
        assert!(counts.rooms <= limits.rooms * counts.sockets, "{counts:?}");
    }

    /// All streams end and a day passes.
    fn end(&mut self) {
        self.ledger.hear(&mut self.host.server);
        for link in std::mem::take(&mut self.ledger.links) {
            self.host.server.handle_closed(self.host.now, link);
            self.check();
        }
        if !self.host.server.config().monitor_clients {
            // No other client misses the one that vanished between two polls.
            self.host.server.shutdown(self.host.now);
        }
        let mut rounds = 0;
        while let Some(due) = self.host.server.poll_timeout() {
            self.host.now = self.host.now.max(due);
            self.host.server.handle_timeout(self.host.now);
            while let Some(link) = self.host.server.poll_link() {
                self.ledger.pull(&mut self.host.server, link, usize::MAX);
            }
            rounds += 1;
            assert!(rounds < 10_000, "timers run on");
        }
        self.check();
        self.ledger.hear(&mut self.host.server);
        let mut counts = self.host.server.counts();
        (counts.gave_way, counts.refused, counts.cut_off) = (0, 0, 0);
        assert_eq!(counts, Counts::default(), "something is left");
        self.ledger.settled();
    }
}

const ROOMS: [&str; 3] = ["r0", "r1", "r2"];

/// What clients say, on any transport.
const PACKETS: [&str; 28] = [
    "40",
    "40/a,",
    "40/b,{\"token\":1}",
    "40/c,",
    "40/d,",
    "41",
    "41/a,",
    "42[\"e\"]",
    "42/a,[\"e\",1]",
    "420[\"asks\"]",
    "42/a,7[\"asks\"]",
    "430[1]",
    "431[1]",
    "432[1]",
    "43/a,0[2]",
    "43/a,1[]",
    "451-[\"x\",{\"_placeholder\":true,\"num\":0}]",
    "452-/a,[\"x\"]",
    "461-0[{}]",
    "bAQID",
    "3",
    "1",
    "5",
    "6",
    "2probe",
    "2",
    "4nonsense",
    "44{}",
];

fn pick<'a, T>(from: &'a [T], input: &mut Unstructured<'_>) -> Result<Option<&'a T>> {
    if from.is_empty() { Ok(None) } else { input.choose(from).map(Some) }
}

/// The id of a client that left.
fn former() -> Id {
    Id::parse("an-id-of-former-days").expect("it has the form of an id")
}

fn disconnect(input: &mut Unstructured<'_>) -> Result<Disconnect> {
    Ok(if input.arbitrary()? { Disconnect::Connection } else { Disconnect::Namespace })
}
