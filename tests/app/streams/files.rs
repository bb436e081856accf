//! Answers without a body of their own.

use crate::streams::stage::Stage;
use sansocket_app::http::{HeaderValue, Method, Request, Response, StatusCode};
use sansocket_app::{App, Bytes, Files};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

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

/// Serves a text that is worth compressing, one that is not, and a picture.
fn site() -> (tempfile::TempDir, Stage) {
    let folder = tempfile::tempdir().unwrap();
    for (name, length) in [("long.txt", 5000), ("short.txt", 500), ("picture.png", 5000)] {
        std::fs::write(folder.path().join(name), vec![b'x'; length]).unwrap();
    }
    let mut app = App::new();
    app.files(Files::new().map("/", folder.path()));
    (folder, Stage::new(app))
}

/// Status, tag and `Vary` of an answer.
fn version(answer: &str) -> (&str, Option<&str>, Option<&str>) {
    (&answer[9..12], header(answer, "etag"), header(answer, "vary"))
}

#[test]
fn an_unchanged_file_is_confirmed_with_the_fields_it_was_sent_with() {
    let (_folder, stage) = site();
    for (path, depends) in [("/long.txt", true), ("/short.txt", false), ("/picture.png", false)] {
        for coding in ["Accept-Encoding: gzip\r\n", ""] {
            let sent = stage.stream().ask("GET", path, coding, "");
            let (status, tag, vary) = version(&sent);
            let tag = tag.expect("files have tags");
            assert_eq!((status, vary.is_some()), ("200", depends), "{path}");
            assert_eq!(tag.starts_with("W/"), depends && !coding.is_empty(), "{path}");
            let date = header(&sent, "last-modified").expect("files have dates");
            for condition in [
                format!("If-None-Match: {tag}\r\n"),
                format!("If-None-Match: \"other\", {}\r\n", tag.trim_start_matches("W/")),
                format!("If-Modified-Since: {date}\r\n"),
            ] {
                let fields = format!("{coding}{condition}");
                let known = stage.stream().ask("GET", path, &fields, "");
                assert_eq!(version(&known), ("304", Some(tag), vary), "{path} {fields}");
                assert_eq!(header(&known, "content-type"), None);
            }
            let head = stage.stream().ask("HEAD", path, coding, "");
            assert_eq!(version(&head), ("200", Some(tag), vary), "{path}");
            let length = header(&head, "content-length");
            assert!(length.is_none() || length == header(&sent, "content-length"), "{head}");
        }
    }
}

#[test]
fn a_part_of_a_file_goes_with_the_strong_tag() {
    let (_folder, stage) = site();
    let fields = "Accept-Encoding: gzip\r\nRange: bytes=1-2\r\n";
    let part = stage.stream().ask("GET", "/long.txt", fields, "");
    let (status, tag, vary) = version(&part);
    assert_eq!((status, vary), ("206", Some("Accept-Encoding")));
    assert!(tag.is_some_and(|tag| tag.starts_with('"')), "{part}");
    assert!(part.ends_with("\r\n\r\nxx"), "{part}");
}

/// E20: asking for a text again and again costs no compressing, and every answer is the same.
#[test]
fn e20_a_file_is_compressed_once_and_kept() {
    let (folder, stage) = site();
    let path = folder.path().join("long.txt");
    settle(&path, 1_000_000_000);
    let gzip = "Accept-Encoding: gzip\r\n";
    let ask = |fields: &str| {
        let mut answer = String::new();
        let allocated = allocation_counter::measure(|| {
            answer = stage.stream().ask("GET", "/long.txt", fields, "");
        });
        let date = header(&answer, "date").expect("it has a date").to_owned();
        (answer.replace(&date, "now"), allocated.bytes_total)
    };
    let (first, compressing) = ask(gzip);
    assert_eq!(header(&first, "content-encoding"), Some("gzip"), "{first}");
    for fields in [gzip, "Accept-Encoding: br\r\nAccept-Encoding: gzip;q=0.5\r\n"] {
        let (again, taking) = ask(fields);
        assert_eq!(again, first);
        assert!(2 * taking < compressing, "{taking} bytes, {compressing} when it was compressed");
    }
    // Other requests get other answers.
    assert_eq!(header(&ask("Accept-Encoding: deflate\r\n").0, "content-encoding"), Some("deflate"));
    let (plain, _) = ask("");
    assert_eq!(version(&plain).2, Some("Accept-Encoding"));
    assert!(plain.ends_with(&"x".repeat(5000)), "{plain}");
    // Another version of the same length.
    std::fs::write(&path, vec![b'y'; 5000]).unwrap();
    settle(&path, 1_000_000_001);
    assert_ne!(ask(gzip).0, first);
    assert!(ask("").0.ends_with(&"y".repeat(5000)));
}

/// Says that a file was changed at a time, in seconds since 1970.
fn settle(path: &std::path::Path, seconds: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

#[test]
fn what_the_application_confirms_goes_with_the_tag_the_client_has() {
    let mut app = App::new();
    app.fallback(|request: Request<Bytes>| {
        let known = request.headers().contains_key("if-none-match");
        let body = if known { String::new() } else { "x".repeat(5000) };
        let mut answer = Response::new(body);
        answer.headers_mut().insert("etag", HeaderValue::from_static("\"7\""));
        answer.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
        if known {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        }
        answer
    });
    let stage = Stage::new(app);
    for (coding, tag) in [("Accept-Encoding: gzip\r\n", "W/\"7\""), ("", "\"7\"")] {
        let sent = stage.stream().ask("GET", "/f", coding, "");
        assert_eq!(version(&sent), ("200", Some(tag), Some("Accept-Encoding")));
        let fields = format!("{coding}If-None-Match: \"6\", {tag}\r\n");
        let known = stage.stream().ask("GET", "/f", &fields, "");
        assert_eq!((&known[9..12], header(&known, "etag")), ("304", Some(tag)), "{known}");
        if tag.starts_with("W/") {
            assert_eq!(header(&known, "vary"), Some("Accept-Encoding"));
        }
    }
}

#[test]
fn methods_that_nobody_heard_of_reach_the_application() {
    let mut app = App::new();
    app.files(Files::new().map("/static", env!("CARGO_MANIFEST_DIR")));
    app.fallback(|request: Request<Bytes>| {
        format!("{} {}", request.method(), String::from_utf8_lossy(request.body()))
    });
    let stage = Stage::new(app);
    for (method, body) in [("PROPFIND", "<a/>"), ("M-SEARCH", ""), ("get", "")] {
        let answer = stage.stream().ask(method, "/f", "", body);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with(&format!("{method} {body}")), "{answer}");
        let refused = stage.stream().ask(method, "/static/Cargo.toml", "", body);
        assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
        assert_eq!(header(&refused, "allow"), Some("GET, HEAD"));
    }
    for (method, status) in [("CONNECT", 501), (&*"M".repeat(33), 400)] {
        let refused = stage.stream().ask(method, "/f", "", "");
        assert!(refused.starts_with(&format!("HTTP/1.1 {status} ")), "{refused}");
    }
}

#[test]
fn a_folder_is_redirected_to_with_the_query() {
    let (folder, stage) = site();
    std::fs::create_dir(folder.path().join("docs")).unwrap();
    std::fs::write(folder.path().join("docs/index.html"), "<p>").unwrap();
    let answer = stage.stream().ask("GET", "/docs?page=2", "", "");
    assert_eq!(header(&answer, "location"), Some("/docs/?page=2"), "{answer}");
}

/// E21: a link that takes the place of a file, or of a folder, while it is being looked up does not
/// lead out of the served folder.
#[cfg(target_os = "linux")]
#[test]
fn e21_links_that_change_while_they_are_followed_lead_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["public/inner", "public/kept", "secret"] {
        std::fs::create_dir_all(path(name)).unwrap();
    }
    for name in ["public/inner/a.txt", "public/kept/a.txt", "public/b.txt", "public/kept.txt"] {
        std::fs::write(path(name), "open").unwrap();
    }
    std::fs::write(path("secret/a.txt"), "secret").unwrap();
    std::os::unix::fs::symlink(path("secret"), path("public/link")).unwrap();
    std::os::unix::fs::symlink(path("secret/a.txt"), path("public/link.txt")).unwrap();
    let mut app = App::new();
    app.files(Files::new().map("/", path("public")));
    let stage = Stage::new(app);
    let done = AtomicBool::new(false);
    let (mut served, mut leaked) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Back and forth: the name is a file or folder at one time, a link at another.
            let swap = |one: &str, other: &str| {
                std::fs::rename(path(one), path("public/aside")).unwrap();
                std::fs::rename(path(other), path(one)).unwrap();
                std::fs::rename(path("public/aside"), path(other)).unwrap();
            };
            while !done.load(Ordering::Relaxed) {
                swap("public/inner", "public/link");
                swap("public/b.txt", "public/link.txt");
            }
        });
        for _ in 0..500 {
            for target in ["/inner/a.txt", "/b.txt", "/link/a.txt", "/link.txt"] {
                let answer = stage.stream().ask("GET", target, "", "");
                leaked += usize::from(answer.contains("secret"));
                served += usize::from(answer.ends_with("open"));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(served > 0);
    assert_eq!(leaked, 0, "of {served}");
}
