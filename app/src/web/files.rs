//! Static files: which path is which file, and how it is answered.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::PathBuf;

mod find;
mod kept;
mod part;
#[cfg(test)]
mod tests;
mod version;

use find::{Found, Map, Regular};
pub(crate) use kept::{Identity, Kept};
use part::Part;
use version::Version;

/// Files and folders served under paths.
///
/// ```
/// use sansocket_app::Files;
///
/// let files = Files::new()
///     .map("/", "public")
///     .map("/static", "assets/built")
///     .map("/favicon.ico", "assets/icon.ico");
/// ```
///
/// The longest mapping that covers whole segments of a path wins, whether the file then exists or
/// not; of equal ones the last. A folder answers with its `index.html` under a path that ends in a
/// slash, and redirects there, query and all, without one.
///
/// # What is never served
///
/// Anything outside a mapped folder; names that start with a dot, unless
/// [allowed](Self::dot_files); devices, pipes and sockets; paths that are not written plainly: with
/// empty, `.` or `..` segments, backslashes, encoded slashes or bad escapes.
///
/// # Links
///
/// A symbolic link is followed when it leads to something in the same mapped folder; the target of
/// [`map`](Self::map) may be a link to anywhere itself. On Unix this holds while others change the
/// folder: a link that takes the place of a file or folder during a request is not followed. A hard
/// link is the file itself, and served.
#[derive(Clone, Debug)]
pub struct Files {
    maps: Vec<Map>,
    index: Cow<'static, str>,
    dots: Dots,
    cache: Option<HeaderValue>,
}

/// What names that start with a dot mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Dots {
    Refused,
    Served,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Body {
    /// Nothing; after `HEAD` too, whatever the length announced.
    Empty,
    /// All of it.
    Bytes(Bytes),
    /// A file to be read and sent piece by piece, from where it stands up to its limit.
    ///
    /// When it ends earlier it was cut meanwhile: close the connection, for the length is sent.
    File(Take<File>),
}

/// What the answer with the whole file is like, for one that has less; an extension of the response.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) file: Identity,
    pub(crate) media: HeaderValue,
}

/// Up to this many bytes are read at once instead of piece by piece.
pub(crate) const SMALL: u64 = 64 * 1024;

impl Files {
    /// Maps nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            maps: Vec::new(),
            index: Cow::Borrowed("index.html"),
            dots: Dots::Refused,
            cache: None,
        }
    }

    /// Serves a folder, or a single file, under a path.
    ///
    /// `prefix` is written as people read it, without percent escapes; a slash at its end changes
    /// nothing. A relative `target` starts at the working directory. It is looked up at each request
    /// and may appear or change later.
    #[must_use]
    pub fn map(mut self, prefix: impl AsRef<str>, target: impl Into<PathBuf>) -> Self {
        self.maps.push(Map::new(prefix.as_ref(), target.into()));
        self
    }

    /// Names the file that stands for its folder; `index.html` unless set.
    #[must_use]
    pub fn index(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.index = name.into();
        self
    }

    /// Serves names that start with a dot as well, such as `.well-known`.
    #[must_use]
    pub fn dot_files(mut self) -> Self {
        self.dots = Dots::Served;
        self
    }

    /// Tells caches how to treat every file (`Cache-Control`); they ask again each time or guess
    /// unless set.
    #[must_use]
    pub fn cache_control(mut self, value: HeaderValue) -> Self {
        self.cache = Some(value);
        self
    }

    /// Answers a request for a path, with its query if it has one, or `None` when nothing is mapped
    /// there.
    ///
    /// It reads from the file system and so may block for as long as that takes. Every answer has
    /// its `Content-Length`, unless it is 304. Status 404 means that a mapping covers the path but
    /// there is no such file.
    #[must_use]
    pub fn answer(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
    ) -> Option<Response<Body>> {
        let path = target.split('?').next().unwrap_or_default();
        let (map, rest) = find::mapping(&self.maps, path)?;
        let Some(found) = map.find(rest, &self.index, self.dots) else {
            return Some(refuse(StatusCode::NOT_FOUND, method));
        };
        if method != Method::GET && method != Method::HEAD {
            let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, method);
            put(&mut response, header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(response);
        }
        Some(match found {
            Found::Folder => redirect(method, path, &target[path.len()..]),
            Found::File(file) => self.serve(method, headers, file),
        })
    }

    fn serve(&self, method: &Method, headers: &HeaderMap, found: Regular) -> Response<Body> {
        let Regular { file, identity, media } = found;
        let length = identity.length;
        let version = Version::new(length, identity.modified);
        let mut response = empty(StatusCode::OK);
        response.extensions_mut().insert(Whole { file: identity, media: media.clone() });
        put(&mut response, header::ETAG, version.tag());
        if let Some(date) = version.date() {
            put(&mut response, header::LAST_MODIFIED, date);
        }
        if let Some(cache) = &self.cache {
            put(&mut response, header::CACHE_CONTROL, cache.clone());
        }
        if version.is_known(headers) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        // A range means something for GET alone (RFC 9110 §14.2).
        let part = match *method == Method::GET && version.allows_range(headers) {
            true => Part::of(headers, length),
            false => Part::Whole,
        };
        let (start, size) = match part {
            Part::Whole => (0, length),
            Part::Range { start, size } => {
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes {start}-{}/{length}", start + (size - 1));
                put(&mut response, header::CONTENT_RANGE, plain(&range));
                (start, size)
            }
            Part::Unsatisfiable => {
                let mut response = refuse(StatusCode::RANGE_NOT_SATISFIABLE, method);
                put(&mut response, header::CONTENT_RANGE, plain(&format!("bytes */{length}")));
                return response;
            }
        };
        put(&mut response, header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        put(&mut response, header::CONTENT_TYPE, media);
        put(&mut response, header::CONTENT_LENGTH, size.into());
        if *method == Method::GET {
            match load(file, start, size) {
                Ok(body) => *response.body_mut() = body,
                Err(_) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, method),
            }
        }
        response
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

fn load(mut file: File, start: u64, size: u64) -> io::Result<Body> {
    file.seek(SeekFrom::Start(start))?;
    let mut rest = file.take(size);
    if size > SMALL {
        return Ok(Body::File(rest));
    }
    let capacity = usize::try_from(size).expect("a small size");
    let mut bytes = Vec::with_capacity(capacity);
    if rest.read_to_end(&mut bytes)? < capacity {
        // Cut since its length was taken.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(if bytes.is_empty() { Body::Empty } else { Body::Bytes(bytes.into()) })
}

/// The path with a slash at its end, before its query. It starts with exactly one, so that it stays on this host.
fn redirect(method: &Method, path: &str, query: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::try_from(format!("{path}/{query}")) else {
        return refuse(StatusCode::NOT_FOUND, method);
    };
    let mut response = empty(StatusCode::PERMANENT_REDIRECT);
    put(&mut response, header::LOCATION, location);
    put(&mut response, header::CONTENT_LENGTH, 0.into());
    response
}

/// An answer that names its status in plain text.
fn refuse(status: StatusCode, method: &Method) -> Response<Body> {
    let text = status.canonical_reason().expect("a status of HTTP");
    let mut response = empty(status);
    put(&mut response, header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    put(&mut response, header::CONTENT_LENGTH, text.len().into());
    if method != Method::HEAD {
        *response.body_mut() = Body::Bytes(Bytes::from_static(text.as_bytes()));
    }
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    // A browser must not take an uploaded text for a script.
    put(&mut response, header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn put(response: &mut Response<Body>, name: HeaderName, value: HeaderValue) {
    response.headers_mut().insert(name, value);
}

fn plain(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("letters, digits and punctuation")
}
