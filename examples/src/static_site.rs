//! A website with a small REST interface on the same port: files first, then a function that answers
//! the rest and emits what changed. The page is in `examples/static_site`.
//!
//! ```text
//! curl http://127.0.0.1:3000/api/notes
//! curl -d '{"text":"buy milk"}' http://127.0.0.1:3000/api/notes
//! ```

use sansocket_app::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use sansocket_app::{App, Bytes, Config, Files, Io, Socket, State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pages;

/// The application.
#[must_use]
pub fn app(config: Config) -> App {
    let notes = Arc::new(Notes::default());
    let mut app = App::with_config(config);
    app.files(files());
    app.manage_shared(notes.clone());
    app.fallback(move |request: Request<Bytes>| answer(&notes, &request));
    app.on_connect(|socket: Socket, notes: State<Notes>| {
        // A client that has left receives nothing.
        let _ = socket.emit("notes", &*notes.lock());
    });
    app
}

/// What is served: the site at `/`, a folder of the examples under another name, single files.
#[must_use]
pub fn files() -> Files {
    pages::files("static_site")
        .map("/docs", pages::folder("../docs"))
        .map("/readme", pages::folder("../README.md"))
}

/// The notes, newest last.
#[derive(Default)]
struct Notes(Mutex<VecDeque<Note>>);

#[derive(Clone, Deserialize, Serialize)]
struct Note {
    text: String,
}

/// Notes kept; the oldest is forgotten for a new one.
const MOST: usize = 1000;

impl Notes {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers requests that match no file: the REST interface, or a page that reports the miss.
fn answer(notes: &Notes, request: &Request<Bytes>) -> Response<Bytes> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/api/notes") => json(StatusCode::OK, &*notes.lock()),
        (&Method::POST, "/api/notes") => match serde_json::from_slice(request.body()) {
            Ok(note) => create(notes, request, note),
            Err(error) => json(StatusCode::BAD_REQUEST, &json!({"error": error.to_string()})),
        },
        (_, "/api/notes") => json(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "GET or POST"})),
        (_, path) => json(StatusCode::NOT_FOUND, &json!({"error": format!("no {path} here")})),
    }
}

/// Keeps a note and shows it to all clients.
fn create(notes: &Notes, request: &Request<Bytes>, note: Note) -> Response<Bytes> {
    let io = request.extensions().get::<Io>();
    if let Some(Err(error)) = io.map(|io| io.emit("note", &note)) {
        return json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": error.to_string()}));
    }
    let answer = json(StatusCode::CREATED, &note);
    let mut notes = notes.lock();
    notes.push_back(note);
    if notes.len() > MOST {
        notes.pop_front();
    }
    answer
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    let body = serde_json::to_vec(body).expect("what is answered has a JSON form");
    let kind = HeaderValue::from_static("application/json");
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
