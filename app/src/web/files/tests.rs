use super::{Body, Files, SMALL};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A folder `public` with something in it, and a secret beside it.
struct Site {
    folder: TempDir,
    files: Files,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new().map("/static", folder.path().join("public"));
        let site = Self { folder, files };
        site.write("secret.txt", "secret");
        site.write("public/index.html", "<p>home");
        site.write("public/a b.txt", "spaced");
        site.write("public/ten.bin", "0123456789");
        site.write("public/docs/index.html", "<p>docs");
        site.write("public/empty/none.txt", "");
        site.write("public/.env", "secret");
        site
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn path(&self, name: &str) -> impl AsRef<Path> + Into<std::path::PathBuf> {
        self.folder.path().join(name)
    }

    fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    fn get_with(&self, path: &str, fields: &[(HeaderName, &str)]) -> Answer {
        self.ask(&Method::GET, path, fields).expect("a mapped path")
    }

    fn ask(&self, method: &Method, path: &str, fields: &[(HeaderName, &str)]) -> Option<Answer> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        self.files.answer(method, path, &headers).map(Answer::from)
    }

    fn status(&self, path: &str) -> u16 {
        self.get(path).status
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether the body came as a file to be read piece by piece.
    streamed: bool,
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let streamed = matches!(body, Body::File(_));
        let body = match body {
            Body::Empty => Vec::new(),
            Body::Bytes(bytes) => bytes.to_vec(),
            Body::File(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).unwrap();
                bytes
            }
        };
        assert_eq!(head.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        Self { status: head.status.as_u16(), headers: head.headers, body, streamed }
    }
}

impl Answer {
    fn field(&self, name: HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

#[test]
fn a_file_comes_whole_with_its_fields() {
    let answer = Site::new().get("/static/ten.bin");
    assert_eq!((answer.status, answer.text()), (200, "0123456789"));
    assert_eq!(answer.field(header::CONTENT_LENGTH), "10");
    assert_eq!(answer.field(header::CONTENT_TYPE), "application/octet-stream");
    assert_eq!(answer.field(header::ACCEPT_RANGES), "bytes");
    assert!(answer.field(header::ETAG).starts_with('"'));
    assert!(answer.field(header::LAST_MODIFIED).ends_with(" GMT"));
    assert_eq!(answer.field(header::CACHE_CONTROL), "");
}

#[test]
fn extensions_tell_the_media_type() {
    let site = Site::new();
    for (name, media) in [
        ("a.css", "text/css; charset=utf-8"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "application/javascript"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.gif", "image/gif"),
        ("a.jpg", "image/jpeg"),
        ("a.JSON", "application/json"),
        ("a.png", "image/png"),
        ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.unheard-of", "application/octet-stream"),
        ("plain", "application/octet-stream"),
    ] {
        site.write(&format!("public/{name}"), "x");
        let answer = site.get(&format!("/static/{name}"));
        assert_eq!(answer.field(header::CONTENT_TYPE), media, "{name}");
    }
}

#[test]
fn the_longest_mapping_of_whole_segments_wins() {
    let mut site = Site::new();
    site.write("inner/ten.bin", "inner");
    site.files = Files::new()
        .map("/", site.path("public"))
        .map("/static/inner/", site.path("inner"))
        .map("/static", site.path("public"))
        .map("/favicon.ico", site.path("public/ten.bin"));
    assert_eq!(site.get("/ten.bin").text(), "0123456789");
    assert_eq!(site.get("/").text(), "<p>home");
    assert_eq!(site.get("/favicon.ico").text(), "0123456789");
    assert_eq!(site.get("/static/ten.bin").text(), "0123456789");
    assert_eq!(site.get("/st%61tic/inner/ten.bin").text(), "inner");
    // The winner decides even when the file is missing there.
    assert_eq!(site.status("/static/inner/index.html"), 404);
    assert_eq!(site.status("/static/innerten.bin"), 404);
    assert_eq!(site.status("/staticten.bin"), 404);
    assert_eq!(site.status("/favicon.ico/"), 404);
    assert_eq!(site.status("/favicon.ico/x"), 404);
}

#[test]
fn a_single_file_may_be_the_root() {
    let mut site = Site::new();
    site.files = Files::new().map("/", site.path("public/ten.bin"));
    assert_eq!(site.get("/").text(), "0123456789");
    assert_eq!(site.status("//"), 404);
    assert_eq!(site.status("/x"), 404);
}

#[test]
fn the_last_of_equal_mappings_wins() {
    let mut site = Site::new();
    site.write("inner/ten.bin", "inner");
    site.files = site.files.clone().map("static/", site.path("inner"));
    assert_eq!(site.get("/static/ten.bin").text(), "inner");
}

#[test]
fn what_is_not_mapped_is_left_to_others() {
    let site = Site::new();
    for path in
        ["/", "/stat", "/statics/ten.bin", "/api/%zz", "//static/ten.bin", "*", "", "static"]
    {
        assert!(site.ask(&Method::GET, path, &[]).is_none(), "{path}");
    }
}

#[test]
fn a_folder_answers_with_its_index() {
    let mut site = Site::new();
    assert_eq!(site.get("/static/").text(), "<p>home");
    let answer = site.get("/static/docs/");
    assert_eq!(answer.text(), "<p>docs");
    assert_eq!(answer.field(header::CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(site.status("/static/empty/"), 404);
    assert_eq!(site.status("/static/empty"), 404);
    assert_eq!(site.status("/static/ten.bin/"), 404);
    site.files = site.files.clone().index("none.txt");
    assert_eq!(site.status("/static/empty/"), 200);
    assert_eq!(site.status("/static/docs/"), 404);
}

#[test]
fn a_folder_without_slash_redirects() {
    let site = Site::new();
    for (path, location) in
        [("/static", "/static/"), ("/static/docs", "/static/docs/"), ("/st%61tic", "/st%61tic/")]
    {
        let answer = site.get(path);
        assert_eq!((answer.status, answer.field(header::LOCATION)), (308, location));
        assert_eq!(answer.field(header::CONTENT_LENGTH), "0");
    }
}

#[test]
fn a_redirect_keeps_the_query() {
    let site = Site::new();
    for (target, location) in [
        ("/static/docs?a=b/c&d", "/static/docs/?a=b/c&d"),
        ("/static/docs?", "/static/docs/?"),
        ("/static?a?b", "/static/?a?b"),
    ] {
        let answer = site.get(target);
        assert_eq!((answer.status, answer.field(header::LOCATION)), (308, location));
    }
    assert_eq!(site.get("/static/docs/?a").status, 200);
    assert_eq!(site.get("/static/ten.bin?v=2").status, 200);
}

#[test]
fn a_redirect_stays_on_this_host() {
    let mut site = Site::new();
    site.files = Files::new().map("/", site.path("public"));
    assert_eq!(site.get("/docs").field(header::LOCATION), "/docs/");
    for path in ["//docs", "/\\docs", "/%2fdocs", "/%5cdocs", "//localhost/..", "/./docs"] {
        assert_eq!(site.status(path), 404, "{path}");
    }
}

#[test]
fn no_spelling_leaves_the_folder() {
    let mut site = Site::new();
    for mapped in ["/static", "/"] {
        site.files = Files::new().map(mapped, site.path("public"));
        let base = mapped.trim_end_matches('/');
        for path in [
            "/../secret.txt",
            "/../../etc/passwd",
            "/docs/../../secret.txt",
            "/docs/../ten.bin",
            "/./ten.bin",
            "/%2e%2e/secret.txt",
            "/.%2E/secret.txt",
            "/%2e./secret.txt",
            "/..%2fsecret.txt",
            "/%2e%2e%2fsecret.txt",
            "/%252e%252e/secret.txt",
            "/..\\secret.txt",
            "/..%5csecret.txt",
            "/%c0%ae%c0%ae/secret.txt",
            "/%u002e%u002e/secret.txt",
            "/..;/secret.txt",
            "//../secret.txt",
            "/docs//index.html",
            "/%2fetc/passwd",
            "//etc/passwd",
            "/ten.bin%00.html",
            "/ten.bin%",
            "/ten.bin%2",
            "/ten.bin%+1",
            "/%ff",
            "/..",
            "/../",
            "/.",
            "/docs/..",
        ] {
            let answer = site.get(&format!("{base}{path}"));
            assert_eq!((answer.status, answer.text()), (404, "Not Found"), "{path}");
        }
        let secret = site.folder.path().join("secret.txt");
        assert_eq!(site.status(&format!("{base}/{}", secret.display())), 404);
    }
}

#[test]
fn escapes_are_decoded_once() {
    let site = Site::new();
    assert_eq!(site.get("/static/a%20b.txt").text(), "spaced");
    assert_eq!(site.get("/static/%74en%2Ebin").text(), "0123456789");
    assert_eq!(site.status("/static/a+b.txt"), 404);
    assert_eq!(site.status("/static/a%2520b.txt"), 404);
}

#[test]
fn dot_files_are_served_when_allowed() {
    let mut site = Site::new();
    assert_eq!(site.status("/static/.env"), 404);
    assert_eq!(site.status("/static/%2eenv"), 404);
    site.files = site.files.clone().dot_files();
    assert_eq!(site.get("/static/.env").text(), "secret");
    assert_eq!(site.status("/static/../secret.txt"), 404);
}

#[cfg(unix)]
#[test]
fn links_work_within_the_folder_alone() {
    use std::os::unix::fs::symlink;
    let site = Site::new();
    symlink("ten.bin", site.path("public/in")).unwrap();
    symlink("../secret.txt", site.path("public/out")).unwrap();
    symlink("..", site.path("public/up")).unwrap();
    symlink("round", site.path("public/round")).unwrap();
    fs::create_dir(site.path("public/sly")).unwrap();
    symlink("../../secret.txt", site.path("public/sly/index.html")).unwrap();
    assert_eq!(site.get("/static/in").text(), "0123456789");
    for path in ["out", "up/secret.txt", "up/", "round", "sly/", "sly"] {
        assert_eq!(site.status(&format!("/static/{path}")), 404, "{path}");
    }
}

#[cfg(unix)]
#[test]
fn a_mapped_link_may_move() {
    use std::os::unix::fs::symlink;
    let mut site = Site::new();
    site.files = Files::new().map("/", site.path("current"));
    assert_eq!(site.status("/ten.bin"), 404);
    symlink("public", site.path("current")).unwrap();
    assert_eq!(site.get("/ten.bin").text(), "0123456789");
}

#[cfg(unix)]
#[test]
fn devices_and_pipes_are_never_opened() {
    let mut site = Site::new();
    let pipe = site.folder.path().join("public/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    site.files = site.files.clone().map("/zero", "/dev/zero");
    assert_eq!(site.status("/static/pipe"), 404);
    assert_eq!(site.status("/zero"), 404);
}

#[test]
fn head_is_a_get_without_its_body() {
    let site = Site::new();
    for path in ["/static/ten.bin", "/static/missing", "/static"] {
        let get = site.get(path);
        let head = site.ask(&Method::HEAD, path, &[]).unwrap();
        assert_eq!((head.status, head.headers), (get.status, get.headers));
        assert_eq!(head.body, b"");
    }
}

#[test]
fn other_methods_are_not_allowed() {
    let site = Site::new();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = site.ask(&method, "/static/ten.bin", &[]).unwrap();
        assert_eq!((answer.status, answer.field(header::ALLOW)), (405, "GET, HEAD"));
        assert_eq!(site.ask(&method, "/static/missing", &[]).unwrap().status, 404);
    }
}

#[test]
fn a_known_version_is_not_sent_again() {
    let mut site = Site::new();
    site.files = site.files.clone().cache_control(HeaderValue::from_static("max-age=60"));
    let first = site.get("/static/ten.bin");
    let tag = first.field(header::ETAG);
    for list in [tag, &format!("W/{tag}"), &format!("\"x\", \"a,b\" , {tag}"), "*"] {
        let answer = site.get_with("/static/ten.bin", &[(header::IF_NONE_MATCH, list)]);
        assert_eq!((answer.status, answer.text()), (304, ""), "{list}");
        assert_eq!(answer.field(header::ETAG), tag);
        assert_eq!(answer.field(header::CACHE_CONTROL), "max-age=60");
        assert_eq!(answer.field(header::CONTENT_TYPE), "");
    }
    for list in ["\"x\"", "", tag.trim_matches('"'), &tag[1..]] {
        let answer = site.get_with("/static/ten.bin", &[(header::IF_NONE_MATCH, list)]);
        assert_eq!(answer.status, 200, "{list}");
    }
}

#[test]
fn a_tag_changes_with_time_and_with_length() {
    let site = Site::new();
    let file = File::options().write(true).open(site.path("public/ten.bin")).unwrap();
    let tag = || site.get("/static/ten.bin").field(header::ETAG).to_owned();
    let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    file.set_modified(time).unwrap();
    let first = tag();
    assert_eq!(tag(), first);
    file.set_modified(time + Duration::from_millis(1)).unwrap();
    let second = tag();
    file.set_modified(time).unwrap();
    assert_eq!(tag(), first);
    file.set_len(9).unwrap();
    file.set_modified(time).unwrap();
    assert!(second != first && tag() != first && tag() != second);
}

#[test]
fn a_file_not_changed_since_is_not_sent_again() {
    let site = Site::new();
    let file = File::options().write(true).open(site.path("public/ten.bin")).unwrap();
    // Sun, 09 Sep 2001 01:46:40 GMT and half a second.
    file.set_modified(UNIX_EPOCH + Duration::from_millis(1_000_000_000_500)).unwrap();
    let since = header::IF_MODIFIED_SINCE;
    for (date, status) in [
        ("Sun, 09 Sep 2001 01:46:40 GMT", 304),
        ("Sun, 09 Sep 2001 01:46:41 GMT", 304),
        ("Sun, 09 Sep 2001 01:46:39 GMT", 200),
        ("Sunday, 09-Sep-01 01:46:40 GMT", 304),
        ("yesterday", 200),
    ] {
        let answer = site.get_with("/static/ten.bin", &[(since.clone(), date)]);
        assert_eq!(answer.status, status, "{date}");
        assert_eq!(answer.field(header::LAST_MODIFIED), "Sun, 09 Sep 2001 01:46:40 GMT");
    }
    // Tags are more exact, so dates count only without them (RFC 9110 §13.1.3).
    let fields = [(header::IF_NONE_MATCH, "\"x\""), (since, "Sun, 09 Sep 2001 01:46:41 GMT")];
    assert_eq!(site.get_with("/static/ten.bin", &fields).status, 200);
}

#[test]
fn dates_that_http_lacks_are_left_out() {
    let site = Site::new();
    let file = File::options().write(true).open(site.path("public/ten.bin")).unwrap();
    let day = Duration::from_secs(86_400);
    let year_10000 = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    for time in [UNIX_EPOCH - day, SystemTime::now() + day, year_10000] {
        file.set_modified(time).unwrap();
        let answer = site.get("/static/ten.bin");
        assert_eq!((answer.status, answer.field(header::LAST_MODIFIED)), (200, ""));
        let fields = [(header::IF_MODIFIED_SINCE, "Fri, 31 Dec 9999 23:59:59 GMT")];
        assert_eq!(site.get_with("/static/ten.bin", &fields).status, 200);
    }
}

#[test]
fn a_range_is_a_part() {
    let site = Site::new();
    for (range, status, body, content_range) in [
        ("bytes=0-0", 206, "0", "bytes 0-0/10"),
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=-99", 206, "0123456789", "bytes 0-9/10"),
        ("Bytes=9-99", 206, "9", "bytes 9-9/10"),
        ("bytes=9-99999999999999999999999", 206, "9", "bytes 9-9/10"),
        ("bytes=10-", 416, "Range Not Satisfiable", "bytes */10"),
        ("bytes=10-12", 416, "Range Not Satisfiable", "bytes */10"),
        ("bytes=99999999999999999999999-", 416, "Range Not Satisfiable", "bytes */10"),
        ("bytes=-0", 416, "Range Not Satisfiable", "bytes */10"),
        ("bytes=0-1,3-4", 200, "0123456789", ""),
        ("bytes=4-2", 200, "0123456789", ""),
        ("bytes=-", 200, "0123456789", ""),
        ("bytes=+1-2", 200, "0123456789", ""),
        ("bytes=1", 200, "0123456789", ""),
        ("lines=0-1", 200, "0123456789", ""),
        ("", 200, "0123456789", ""),
    ] {
        let answer = site.get_with("/static/ten.bin", &[(header::RANGE, range)]);
        assert_eq!((answer.status, answer.text()), (status, body), "{range}");
        assert_eq!(answer.field(header::CONTENT_RANGE), content_range, "{range}");
        assert_eq!(answer.field(header::CONTENT_LENGTH), body.len().to_string(), "{range}");
    }
}

#[test]
fn a_range_means_nothing_to_head() {
    let answer =
        Site::new().ask(&Method::HEAD, "/static/ten.bin", &[(header::RANGE, "bytes=2-4")]).unwrap();
    assert_eq!((answer.status, answer.field(header::CONTENT_LENGTH)), (200, "10"));
}

#[test]
fn a_range_of_an_empty_file_is_not_satisfiable() {
    let site = Site::new();
    for range in ["bytes=0-", "bytes=-1"] {
        let answer = site.get_with("/static/empty/none.txt", &[(header::RANGE, range)]);
        assert_eq!((answer.status, answer.field(header::CONTENT_RANGE)), (416, "bytes */0"));
    }
    let answer = site.get("/static/empty/none.txt");
    assert_eq!((answer.status, answer.field(header::CONTENT_LENGTH)), (200, "0"));
}

#[test]
fn a_range_of_another_version_gets_the_whole() {
    let site = Site::new();
    let first = site.get("/static/ten.bin");
    let tag = first.field(header::ETAG);
    for (named, status) in [
        (tag, 206),
        (first.field(header::LAST_MODIFIED), 206),
        (&*format!("W/{tag}"), 200),
        ("\"x\"", 200),
        ("Sun, 09 Sep 2001 01:46:40 GMT", 200),
        ("*", 200),
    ] {
        let fields = [(header::RANGE, "bytes=2-4"), (header::IF_RANGE, named)];
        assert_eq!(site.get_with("/static/ten.bin", &fields).status, status, "{named}");
    }
}

#[test]
fn large_files_are_streamed_and_small_ones_read() {
    let site = Site::new();
    let limit = usize::try_from(SMALL).unwrap();
    let bytes: Vec<u8> = (0..=limit).map(|i| (i % 251) as u8).collect();
    site.write("public/limit", &bytes[..limit]);
    site.write("public/beyond", &bytes);
    let small = site.get("/static/limit");
    assert!(!small.streamed && small.body == bytes[..limit]);
    let large = site.get("/static/beyond");
    assert!(large.streamed && large.body == bytes);
    assert_eq!(large.field(header::CONTENT_LENGTH), (limit + 1).to_string());
    let part = site.get_with("/static/beyond", &[(header::RANGE, "bytes=100-199")]);
    assert!(!part.streamed && part.body == bytes[100..200]);
}
