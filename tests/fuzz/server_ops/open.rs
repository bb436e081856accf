//! Opening sessions, under ids of the host's choice too.

use arbitrary::{Result, Unstructured};
use sansocket::{Method, Response, Verdict};

use super::form::Form;
use super::{Play, settings};

/// A session that was opened at some time.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) sid: String,
    /// The page that all its requests come from.
    pub(super) origin: Option<&'static str>,
    pub(super) form: Form,
    /// Whether a poll was answered after it was over.
    pub(super) released: bool,
}

/// What becomes of a handshake.
#[derive(Debug, Eq, PartialEq)]
enum Outcome {
    Opens,
    Refused { status: u16, rule: &'static str },
}

impl Play {
    pub(super) fn open(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        if self.host.server.counts().sessions >= 8 {
            return Ok(());
        }
        let transport = *input.choose(&["websocket", "polling"])?;
        let origin = *input.choose(&settings::PAGES)?;
        let own = self.own_sid(input)?;
        let expected = self.outcome(transport, origin, own.as_deref());
        let form = self.next_form(transport);
        let target = form.target(transport);
        let before = self.host.server.counts();
        let opened = match self.host.ask(Method::Get, &target, origin, own.as_deref()) {
            Verdict::Respond(response) => self.answered(response, origin, &expected),
            Verdict::Upgrade { link: Some(link), .. } => {
                self.ledger.websocket(link);
                self.forms.insert(link, form);
                let frames = self.host.frames(link);
                assert_eq!(frames.len(), 1, "OPEN comes alone");
                Some(sid(&frames[0]).to_owned())
            }
            verdict @ (Verdict::Body { .. }
            | Verdict::Continue
            | Verdict::Hold(_)
            | Verdict::Pass
            | Verdict::Upgrade { link: None, .. }) => panic!("{verdict:?} to a handshake"),
        };
        let Some(sid) = opened else { return Ok(()) };
        assert_eq!(expected, Outcome::Opens);
        assert_eq!(own.unwrap_or_else(|| sid.clone()), sid, "it has the id that was chosen");
        let crowded = before.handshakes >= self.host.server.config().limits.handshakes;
        let after = self.host.server.counts();
        assert_eq!(after.gave_way - before.gave_way, usize::from(crowded), "one gives way to one");
        assert_eq!(after.sessions, before.sessions + usize::from(!crowded));
        self.opened.retain(|other| other.sid != sid);
        self.opened.push(Opened { sid, origin, form, released: false });
        let known = self.opened.iter().filter(|opened| self.knows(&opened.sid)).count();
        assert_eq!(known, self.host.server.counts().sessions, "each is found under its own id");
        Ok(())
    }

    /// An id for a session, most often none: good ones, bad ones, and those of others.
    fn own_sid(&self, input: &mut Unstructured<'_>) -> Result<Option<String>> {
        Ok(match input.int_in_range(0..=15)? {
            0..=7 => None,
            8 => super::pick(&self.opened, input)?.map(|opened| opened.sid.clone()),
            9 => Some("x".repeat(256)),
            10 => Some("x".repeat(257)),
            11 => Some((*input.choose(&["", "a b", "a&sid=b", "\u{e9}", "a\r\nb"])?).into()),
            _ => Some((*input.choose(&["mine", "Mine", "a.b~c-d_e", "0"])?).into()),
        })
    }

    fn outcome(&self, transport: &str, origin: Option<&str>, own: Option<&str>) -> Outcome {
        let config = self.host.server.config();
        let refused = |status, rule| Outcome::Refused { status, rule };
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let transports = config.transports;
        match (transport, own) {
            ("polling", _) if !transports.polling => refused(400, "transport is"),
            _ if settings::is_refused(config, origin) => refused(400, "pages of other hosts"),
            ("websocket", _) if !transports.websocket => refused(400, "needs a whole"),
            (_, Some(own)) if !(1..=256).contains(&own.len()) || !own.bytes().all(sound) => {
                refused(400, "is not 1 to 256")
            }
            (_, Some(own)) if self.knows(own) => refused(400, "is in use"),
            _ if self.is_full() => refused(503, "too many clients"),
            _ => Outcome::Opens,
        }
    }

    /// The id of a session that opened, if one did.
    fn answered(
        &self,
        response: Response,
        origin: Option<&str>,
        expected: &Outcome,
    ) -> Option<String> {
        settings::check_answer(self.host.server.config(), &response, origin);
        let body = std::str::from_utf8(&response.body).expect("answers are text");
        if let Outcome::Refused { status, rule } = expected {
            assert!(response.status == *status && body.contains(rule), "{rule}, not {response:?}");
            return None;
        }
        let sid = sid(body).to_owned();
        let cookies: Vec<_> = settings::fields(&response, "set-cookie").collect();
        match &self.host.server.config().cookie {
            None => assert!(cookies.is_empty(), "{cookies:?}"),
            Some(cookie) => {
                let start = format!("{}={sid};", cookie.name);
                assert!(cookies.len() == 1 && cookies[0].starts_with(&start), "{cookies:?}");
            }
        }
        Some(sid)
    }

    /// How the next session talks: in turns, where that is let in.
    fn next_form(&self, transport: &str) -> Form {
        let (config, count) = (self.host.server.config(), self.opened.len());
        let old = config.allow_eio3 && count % 2 == 1;
        let jsonp = config.allow_jsonp && transport == "polling" && count / 2 % 2 == 1;
        match (old, jsonp) {
            (false, false) => Form::V4,
            (false, true) => Form::V4Jsonp,
            (true, false) => Form::V3,
            (true, true) => Form::V3Jsonp,
        }
    }

    fn is_full(&self) -> bool {
        let (usage, limits) = (self.host.server.usage(), &self.host.server.config().limits);
        usage.sessions >= limits.sessions || usage.bytes > limits.bytes
    }

    /// Whether a session has that id, by a request that changes nothing.
    fn knows(&self, sid: &str) -> bool {
        self.host.server.finds(sid)
    }
}

fn sid(open: &str) -> &str {
    let sid = open.split_once("sid").expect("OPEN names a sid").1;
    let sid = sid.trim_start_matches(['\\', '"', ':']);
    sid.split(['\\', '"']).next().unwrap_or_default()
}
