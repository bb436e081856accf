//! An application and its tests: a vote that lasts a minute. The tests need no network, no runtime
//! and no waiting.

use sansocket_app::{App, Config, Io, NamespaceIo, Refusal, Socket, State};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The application. Clients join with `{ auth: { name } }`; the one called `chair` may `open` a
/// vote and `call-the-roll`.
#[must_use]
pub fn app(config: Config) -> App {
    let mut app = App::with_config(config);
    app.manage(Ballot::default());
    app.on_connect(|socket: Socket, voter: Option<Voter>| -> Result<(), Refusal> {
        let voter = voter.ok_or("say who you are")?;
        socket.session().set(voter);
        Ok(())
    });
    app.on("open", open);
    app.on("vote", vote);
    app.on("call-the-roll", call_the_roll);
    app
}

/// The auth payload, and the session that comes of it.
#[derive(Clone, Deserialize)]
struct Voter {
    name: String,
}

/// The vote that is open, if any.
#[derive(Default)]
struct Ballot(Mutex<Option<Votes>>);

#[derive(Default, Serialize)]
struct Votes {
    yes: u32,
    no: u32,
    /// The names of the voters.
    #[serde(skip)]
    names: Vec<String>,
}

/// How long a vote is open.
const OPEN: Duration = Duration::from_secs(60);

/// How long clients have to answer a roll call.
const ROLL: Duration = Duration::from_secs(5);

/// What a client did that is not allowed; passed to the error handler of the application.
#[derive(Debug, thiserror::Error)]
enum Disorder {
    #[error("a vote is open already")]
    Open,
    #[error("only the chair may do this")]
    NotTheChair,
}

impl Ballot {
    fn lock(&self) -> MutexGuard<'_, Option<Votes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a vote and closes it when its time is up.
fn open(socket: Socket, question: String, ballot: State<Ballot>) -> Result<(), Disorder> {
    check_chair(&socket)?;
    let mut votes = ballot.lock();
    if votes.is_some() {
        return Err(Disorder::Open);
    }
    *votes = Some(Votes::default());
    let _ = socket.nsp().emit("question", &question);
    socket.io().spawn(close(socket.io(), socket.nsp(), ballot.clone()));
    Ok(())
}

async fn close(io: Io, nsp: NamespaceIo, ballot: State<Ballot>) {
    io.sleep(OPEN).await;
    let votes = ballot.lock().take().unwrap_or_default();
    let _ = nsp.emit("result", &votes);
}

/// Acknowledges whether the vote counts: one does for each name, while a vote is open.
fn vote(socket: Socket, yes: bool, ballot: State<Ballot>) -> bool {
    let Some(Voter { name }) = socket.session().get() else { return false };
    let mut ballot = ballot.lock();
    match ballot.as_mut() {
        Some(votes) if !votes.names.contains(&name) => {
            let count = if yes { &mut votes.yes } else { &mut votes.no };
            *count += 1;
            votes.names.push(name);
            true
        }
        Some(_) | None => false,
    }
}

/// Asks all clients, and acknowledges the names of those who answered and the number of those who did not.
async fn call_the_roll(socket: Socket) -> Result<(Vec<String>, u32), Disorder> {
    check_chair(&socket)?;
    let answers = socket.broadcast().emit_with_ack("awake?", &(), ROLL).await;
    let answers = answers.unwrap_or_default();
    let mut awake: Vec<String> = answers.decode().unwrap_or_default();
    awake.sort();
    Ok((awake, answers.missing))
}

fn check_chair(socket: &Socket) -> Result<(), Disorder> {
    match socket.session().read(|voter: &Voter| voter.name == "chair") {
        Some(true) => Ok(()),
        Some(false) | None => Err(Disorder::NotTheChair),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sansocket_app::test::{AnswerError, ConnectError, TestClient, TestServer};
    use serde_json::{Value, json};
    use std::sync::Arc;

    /// A server and a client of each name.
    fn meeting<const N: usize>(names: [&str; N]) -> (TestServer, [TestClient; N]) {
        let server = TestServer::new(app(Config::default()));
        let clients = names.map(|name| {
            let client = server.client().auth(&json!({"name": name}));
            client.connect().expect("everybody with a name is let in")
        });
        (server, clients)
    }

    #[test]
    fn whoever_says_no_name_is_refused() {
        let (server, []) = meeting([]);
        let refused = server.client().connect();
        let message = "say who you are".into();
        assert_eq!(refused.err(), Some(ConnectError::Refused { message, data: None }));
    }

    #[test]
    fn everybody_hears_the_question_and_the_result_a_minute_later() {
        let (server, clients @ [chair, ann, bob]) = &meeting(["chair", "ann", "bob"]);
        chair.emit("open", "Is it tea time?");
        for client in clients {
            assert_eq!(client.expect::<String>("question"), "Is it tea time?");
        }
        assert_eq!(ann.call("vote", &true), Ok(true));
        assert_eq!(bob.call("vote", &true), Ok(true));
        assert_eq!(chair.call("vote", &false), Ok(true));

        // Time stands still but here.
        server.advance(OPEN - Duration::from_millis(1));
        assert!(ann.get_received().is_empty());
        server.advance(Duration::from_millis(1));
        for client in clients {
            assert_eq!(client.expect::<Value>("result"), json!({"yes": 2, "no": 1}));
        }
    }

    #[test]
    fn nobody_votes_twice_or_too_late() {
        let (server, [chair, ann]) = meeting(["chair", "ann"]);
        assert_eq!(ann.call("vote", &true), Ok(false));
        chair.emit("open", "Is it tea time?");
        assert_eq!(ann.call("vote", &true), Ok(true));
        assert_eq!(ann.call("vote", &true), Ok(false));
        server.advance(OPEN);
        assert_eq!(ann.call("vote", &true), Ok(false));
        assert_eq!(ann.expect::<Value>("result"), json!({"yes": 1, "no": 0}));
    }

    #[test]
    fn a_refused_command_is_not_acknowledged_but_reported() {
        let errors = Arc::new(Mutex::new(Vec::new()));
        let (heard, mut app) = (errors.clone(), app(Config::default()));
        app.on_error(move |error| heard.lock().unwrap().push(error.to_string()));
        let server = TestServer::new(app);
        let ann = server.client().auth(&json!({"name": "ann"})).connect().unwrap();

        assert_eq!(ann.call::<()>("open", &"May I?"), Err(AnswerError::Missing));
        let error = r#"handler of "open" in namespace "/": only the chair may do this"#;
        assert_eq!(*errors.lock().unwrap(), [error]);
    }

    #[test]
    fn the_roll_waits_for_those_who_do_not_answer() {
        let (server, [chair, ann, bob, _cy]) = meeting(["chair", "ann", "bob", "cy"]);
        let roll = chair.emit_with_ack("call-the-roll", &());
        for (client, name) in [(&bob, "bob"), (&ann, "ann")] {
            client.expect_event("awake?").ack(name);
        }
        assert!(!roll.is_here());
        server.advance(ROLL);
        assert_eq!(roll.read(), Ok((vec!["ann".to_owned(), "bob".to_owned()], 1)));
    }

    #[test]
    fn a_client_that_vanished_is_given_up_and_its_vote_counts() {
        let (server, [chair, ann]) = meeting(["chair", "ann"]);
        chair.emit("open", "Is it tea time?");
        ann.emit("vote", &true);
        ann.mute();
        server.advance(OPEN);
        assert!(!ann.is_connected());
        assert_eq!(server.io().local().count(), 1);
        assert_eq!(chair.expect::<Value>("result"), json!({"yes": 1, "no": 0}));
    }
}
