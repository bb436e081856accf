//! From a path to a regular file inside a mapped folder.

use http::HeaderValue;
#[cfg(unix)]
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{Dots, Identity};

/// A path and the file or folder served under it.
#[derive(Clone, Debug)]
pub(super) struct Map {
    /// The segments of the path; none for `/`.
    prefix: Vec<Box<str>>,
    target: PathBuf,
}

/// What a path leads to.
pub(super) enum Found {
    File(Regular),
    /// A folder with an index, under a path without a slash at its end.
    Folder,
}

/// A regular file, open for reading.
pub(super) struct Regular {
    pub(super) file: File,
    pub(super) identity: Identity,
    pub(super) media: HeaderValue,
}

/// Finds the mapping of a path, and what of the path follows the mapping's own.
pub(super) fn mapping<'a, 'p>(maps: &'a [Map], path: &'p str) -> Option<(&'a Map, &'p str)> {
    let fits = maps.iter().filter_map(|map| map.strip(path).map(|rest| (map, rest)));
    fits.max_by_key(|(map, _)| map.prefix.len())
}

impl Map {
    pub(super) fn new(prefix: &str, target: PathBuf) -> Self {
        let segments = prefix.split('/').filter(|segment| !segment.is_empty());
        Self { prefix: segments.map(Box::from).collect(), target }
    }

    /// Takes the prefix off a path: the rest is empty or starts with a slash.
    fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut rest = path.starts_with('/').then_some(path)?;
        for wanted in &self.prefix {
            let after = rest.strip_prefix('/')?;
            let end = after.find('/').unwrap_or(after.len());
            let (segment, later) = after.split_at(end);
            if decode(segment)? != **wanted {
                return None;
            }
            rest = later;
        }
        Some(rest)
    }

    /// Looks up what follows the prefix.
    pub(super) fn find(&self, rest: &str, index: &str, dots: Dots) -> Option<Found> {
        let root = fs::canonicalize(&self.target).ok()?;
        if !root.is_dir() {
            // The root is the one path that cannot be without its slash.
            let whole = rest.is_empty() || (self.prefix.is_empty() && rest == "/");
            let (folder, file) = (root.parent()?, Path::new(root.file_name()?));
            return whole.then(|| open(folder, file, &self.target)).flatten().map(Found::File);
        }
        let (below, slash) = parse(rest, dots)?;
        let below = inside(&root, &below)?;
        if root.join(&below).is_dir() {
            let index = below.join(index);
            let file = open(&root, &inside(&root, &index)?, &index)?;
            return Some(if slash { Found::File(file) } else { Found::Folder });
        }
        if slash { None } else { open(&root, &below, Path::new(&*decode(rest)?)).map(Found::File) }
    }
}

/// Resolves the symbolic links of a path below the root, and refuses what then lies outside of it.
fn inside(root: &Path, below: &Path) -> Option<PathBuf> {
    let path = fs::canonicalize(root.join(below)).ok()?;
    path.strip_prefix(root).ok().map(Path::to_owned)
}

/// Opens a regular file below a folder; `name` tells its media type.
fn open(folder: &Path, below: &Path, name: &Path) -> Option<Regular> {
    // Opening a device may have an effect, so its type is checked first.
    let path = folder.join(below);
    if !fs::metadata(&path).ok()?.is_file() {
        return None;
    }
    let file = open_plain(folder, below).ok()?;
    let metadata = file.metadata().ok()?;
    metadata.is_file().then(|| Regular {
        file,
        identity: Identity { path, length: metadata.len(), modified: metadata.modified().ok() },
        media: media(name),
    })
}

/// Opens what lies below a folder, step by step and through no link: one that was put there after
/// the path was resolved leads nowhere, and a pipe that was put there is not waited for.
#[cfg(unix)]
fn open_plain(folder: &Path, below: &Path) -> io::Result<File> {
    let mut at = openat(CWD, folder, PASS | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut steps = below.iter().peekable();
    while let Some(name) = steps.next() {
        let kind = match steps.peek() {
            Some(_) => PASS | OFlags::DIRECTORY,
            None => OFlags::RDONLY | OFlags::NONBLOCK,
        };
        at = openat(&at, name, kind | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    }
    Ok(at.into())
}

#[cfg(not(unix))]
fn open_plain(folder: &Path, below: &Path) -> io::Result<File> {
    File::open(folder.join(below))
}

/// Opens a folder to go through it, which does not take the permission to list it where the system
/// knows the difference.
#[cfg(target_os = "linux")]
const PASS: OFlags = OFlags::PATH;
#[cfg(all(unix, not(target_os = "linux")))]
const PASS: OFlags = OFlags::RDONLY;

fn media(name: &Path) -> HeaderValue {
    let media = mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream");
    if media.starts_with("text/") {
        super::plain(&format!("{media}; charset=utf-8"))
    } else {
        HeaderValue::from_static(media)
    }
}

/// Reads `*( "/" segment ) [ "/" ]` as names below a folder, and whether a slash ends it.
///
/// Every name has to be the plain name of an entry on all systems; there is no way up, and no second
/// spelling of anything but by percent escapes, which are decoded once.
fn parse(rest: &str, dots: Dots) -> Option<(PathBuf, bool)> {
    let mut path = PathBuf::new();
    let Some(rest) = rest.strip_prefix('/') else {
        return Some((path, false));
    };
    if rest.is_empty() {
        return Some((path, true));
    }
    let (names, slash) = match rest.strip_suffix('/') {
        Some(names) => (names, true),
        None => (rest, false),
    };
    for segment in names.split('/') {
        let name = decode(segment)?;
        if !is_plain(&name, dots) {
            return None;
        }
        path.push(&*name);
    }
    Some((path, slash))
}

fn is_plain(name: &str, dots: Dots) -> bool {
    let special = name.is_empty() || name == "." || name == "..";
    let hidden = dots == Dots::Refused && name.starts_with('.');
    // A colon names a drive or a stream of a file on Windows.
    let split = name.contains(['/', '\\', '\0']) || (cfg!(windows) && name.contains(':'));
    !(special || hidden || split)
}

/// Decodes percent escapes, once; `None` when one is cut or the result is not UTF-8.
fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => digit(rest.next()?)? * 16 + digit(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}
