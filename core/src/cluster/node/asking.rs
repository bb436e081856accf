//! Questions of this process to others, and its answers to theirs.

use std::sync::Arc;
use std::time::Instant;

use super::node::Node;
use super::outbox::Keep;
use super::post::{Item, Outgoing};
use super::questions::{Due, Ended, Kind};
use super::{AnswerToken, BusError, NodeEvent, Question};
use crate::cluster::bus::{Answer, Body, Detail, Format, Found, Part, Report, To, Unsupported};
use crate::socket::{EventMessage, scan};

impl Node {
    pub(super) fn ask_for_clients(
        &mut self,
        now: Instant,
        namespace: &str,
        to: To,
        detail: Detail,
    ) -> Result<Question, BusError> {
        // The formats of JavaScript have no question about ids that all of its processes answer.
        let asked = if self.is_counted() { Detail::Clients } else { detail };
        let body = |request| Body::Fetch { to, request, detail: asked };
        self.ask(now, namespace, Kind::Fetch(detail), body)
    }

    pub(super) fn ask_for_rooms(
        &mut self,
        now: Instant,
        namespace: &str,
    ) -> Result<Question, BusError> {
        self.ask(now, namespace, Kind::Rooms, |request| Body::Rooms { request })
    }

    pub(super) fn send_to_processes(
        &mut self,
        now: Instant,
        namespace: &str,
        event: EventMessage,
    ) -> Result<(), BusError> {
        let body = Body::ServerEvent { event, request: None };
        self.publish(now, Outgoing::new(namespace, body), Keep::Firm)
    }

    pub(super) fn ask_processes(
        &mut self,
        now: Instant,
        namespace: &str,
        event: EventMessage,
    ) -> Result<Question, BusError> {
        let body = |request| Body::ServerEvent { event, request: Some(request) };
        self.ask(now, namespace, Kind::Replies, body)
    }

    pub(super) fn ask_for_size(
        &mut self,
        now: Instant,
        namespace: &str,
    ) -> Result<Question, BusError> {
        let format = self.config.format;
        if format == Format::Python {
            return Err(Unsupported { format, what: "counts of processes" }.into());
        }
        let namespace: Arc<str> = namespace.into();
        let n = self.questions.number();
        let timeout = self.config.timeout;
        self.questions.open(now, n, (namespace.clone(), Kind::Size), timeout);
        match format {
            Format::Native => self.enqueue(now, Item::Size { namespace, question: n }),
            Format::Classic | Format::Python | Format::Sharded | Format::Streams => {
                self.count(now, &namespace, n);
            }
        }
        Ok(Question(n))
    }

    /// Asks all other processes of a namespace.
    fn ask(
        &mut self,
        now: Instant,
        namespace: &str,
        kind: Kind,
        body: impl FnOnce(Box<str>) -> Body,
    ) -> Result<Question, BusError> {
        let n = self.questions.number();
        let body = body(self.request(n));
        self.send_question(now, namespace, body, n)?;
        let timeout = self.config.timeout;
        self.questions.open(now, n, (namespace.into(), kind), timeout);
        self.count_for(now, namespace, n);
        Ok(Question(n))
    }

    /// Publishes a question.
    pub(super) fn send_question(
        &mut self,
        now: Instant,
        namespace: &str,
        body: Body,
        n: u64,
    ) -> Result<(), BusError> {
        let question = Some((namespace.into(), n));
        self.publish(now, Outgoing { namespace, body, question }, Keep::Firm)
    }

    /// Counts the processes of a namespace, where a broker does that.
    pub(super) fn count_for(&mut self, now: Instant, namespace: &str, n: u64) {
        if self.is_counted() {
            self.count(now, &namespace.into(), n);
        }
    }

    fn count(&mut self, now: Instant, namespace: &Arc<str>, n: u64) {
        let counted = self.spaces.get(namespace).and_then(|space| space.counted.clone());
        let Some(channel) = counted else {
            let ended = self.questions.count(n, 1);
            return self.conclude(now, ended);
        };
        if let Some(count) = self.counters.recent(now, &channel) {
            let ended = self.questions.count(n, count);
            self.conclude(now, ended);
        } else if self.counters.ask(now, &channel) {
            self.enqueue(now, Item::Count { channel, namespace: namespace.clone() });
        }
    }

    pub(super) fn on_counted(&mut self, now: Instant, channel: &str, count: u64) {
        self.line.hear(now);
        self.counters.note(now, channel, count);
        let is_of = |space: &super::spaces::Space| space.counted.as_deref() == Some(channel);
        let namespaces =
            self.spaces.names().filter(|name| self.spaces.get(name).is_some_and(is_of));
        let asked: Vec<_> = namespaces.flat_map(|name| self.questions.about(name)).collect();
        for question in asked {
            let ended = self.questions.count(question, count);
            self.conclude(now, ended);
        }
    }

    /// The driver begins with a question: those are asked that are alive now. Before subscriptions are confirmed,
    /// nobody knows who they are.
    pub(super) fn name_processes(&mut self, now: Instant, namespace: &str, question: u64) {
        if self.config.format != Format::Native {
            return;
        }
        let space = self.spaces.get(namespace).filter(|space| space.is_confirmed());
        let Some(space) = space else { return };
        let ended = self.questions.name(question, space.others.alive());
        self.conclude(now, ended);
    }

    pub(super) fn expire_questions(&mut self, now: Instant) {
        while self.questions.is_due(now) {
            match self.questions.expired(now) {
                Some(Due::Recount(question, namespace)) if self.is_counted() => {
                    self.count(now, &namespace, question);
                }
                Some(Due::Ended(ended)) => self.conclude(now, [ended]),
                Some(Due::Recount(question, namespace)) if self.questions.is_unknown(question) => {
                    self.name_processes(now, &namespace, question);
                }
                Some(Due::Recount(..)) | None => {}
            }
        }
    }

    /// Tells those who asked.
    pub(super) fn conclude(&mut self, now: Instant, ended: impl IntoIterator<Item = Ended>) {
        for ended in ended {
            match ended {
                Ended::Answered(question, outcome, asked) => {
                    self.counts.note_answer(now.saturating_duration_since(asked));
                    self.events.push_back(NodeEvent::Answered { question, outcome });
                }
                Ended::Told(output) => self.shard_outputs.push_back(output),
            }
        }
    }

    /// The id of a question on the bus, which no other process uses.
    pub(super) fn request(&self, n: u64) -> Box<str> {
        match self.config.format {
            Format::Python => n.to_string().into(),
            Format::Classic | Format::Native | Format::Sharded | Format::Streams => {
                format!("{}.{n}", self.reader.process).into()
            }
        }
    }

    /// The number of a question of this process, from its id on the bus.
    pub(super) fn number_of(&self, request: &str) -> Option<u64> {
        match self.config.format {
            Format::Python => request.parse().ok(),
            Format::Classic | Format::Native | Format::Sharded | Format::Streams => {
                request.strip_prefix(&*self.reader.process)?.strip_prefix('.')?.parse().ok()
            }
        }
    }

    pub(super) fn send_answer(&mut self, now: Instant, token: AnswerToken, report: Report) {
        let report = match report {
            Report::Found(found) => {
                Report::Found(found.into_iter().map(|found| self.disclosed(found)).collect())
            }
            report @ (Report::Acknowledged { .. }
            | Report::Clients(_)
            | Report::Done
            | Report::Ids(_)
            | Report::Replied(_)
            | Report::Rooms(_)) => report,
        };
        let may_be_long = matches!(report, Report::Found(_) | Report::Ids(_) | Report::Rooms(_));
        if self.config.format == Format::Native && may_be_long {
            return self.send_in_parts(now, token, report);
        }
        let sent = self.send_part(now, token, report, Part::default());
        sent.unwrap_or_else(|error| self.note_refusal(now, error));
    }

    /// Sends a part of an answer.
    pub(super) fn send_part(
        &mut self,
        now: Instant,
        token: AnswerToken,
        report: Report,
        part: Part,
    ) -> Result<(), BusError> {
        let AnswerToken { namespace, asker, request, .. } = token;
        let body = Body::Answer(Answer { asker, request, report, part });
        self.publish(now, Outgoing::new(&namespace, body), Keep::Firm)
    }

    /// What other processes may be told of a client.
    fn disclosed(&self, mut found: Found) -> Found {
        let handshake = &mut found.handshake;
        if !self.config.auth {
            handshake.auth = "{}".into();
        }
        handshake.headers = listed(&handshake.headers, &self.config.headers);
        found
    }
}

/// The members of a JSON object that have one of these names, in whatever case.
fn listed(object: &str, names: &[Box<str>]) -> Box<str> {
    if names.is_empty() {
        return "{}".into();
    }
    let mut kept = String::from("{");
    let read = scan::entries(object, |name, value| {
        if names.iter().any(|listed| listed.eq_ignore_ascii_case(name)) {
            if kept.len() > 1 {
                kept.push(',');
            }
            let mut quoted = Vec::new();
            crate::socket::packet::put_escaped(&mut quoted, name);
            kept.push('"');
            kept.push_str(std::str::from_utf8(&quoted).unwrap_or_default());
            kept.push_str("\":");
            kept.push_str(value);
        }
    });
    kept.push('}');
    if read.is_some() { kept.into() } else { "{}".into() }
}
