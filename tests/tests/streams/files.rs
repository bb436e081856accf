//! Answers without a body of their own.

use crate::stage::Stage;
use sansocket_app::http::{HeaderValue, Method, Request, Response};
use sansocket_app::{App, Bytes};

/// The value of the first header of that name.
fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = answer.lines().skip(1).filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[test]
fn a_head_answer_has_the_headers_of_the_get() {
    let mut app = App::new();
    app.fallback(|request: Request<Bytes>| {
        let body = if request.method() == Method::HEAD { "" } else { "0123456789" };
        let mut answer = Response::new(body);
        let name = HeaderValue::from_bytes("attachment; filename=\"ä\"".as_bytes()).unwrap();
        answer.headers_mut().insert("content-length", 10.into());
        answer.headers_mut().insert("content-disposition", name);
        answer
    });
    let head = Stage::new(app).stream().ask("HEAD", "/f", "", "");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(header(&head, "content-length"), Some("10"));
    assert_eq!(header(&head, "content-disposition"), Some("attachment; filename=\"ä\""));
}
