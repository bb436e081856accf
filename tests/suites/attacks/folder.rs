//! E: served folders, end to end.

use sansocket_app::{App, Files, Io};
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tempfile::TempDir;

use super::http::{open, rest};
use crate::channel::Channel;
use crate::faults::{brief, settle};
use crate::{Serve, Serving, start};

/// E30: no link, pipe or spelling of a path leads out of a served folder, or holds anybody up.
pub fn e30_nothing_leads_out_of_a_served_folder(serve: Serve) {
    let mut site = Site::new(serve);
    for (target, expected) in [
        ("/in.txt", Some("open")),
        ("/near.txt", Some("open")),
        ("/absolute.txt", Some("open")),
        ("/hard.txt", Some("open")),
        ("/folder/in.txt", Some("open")),
        ("/within/in.txt", Some("open")),
        ("/%69n.txt", Some("open")),
        ("/out.txt", None),
        ("/chain.txt", None),
        ("/round.txt", None),
        ("/away/secret.txt", None),
        ("/up/secret.txt", None),
        ("/up/public/in.txt", Some("open")),
        ("/sly/", None),
        ("/sly", None),
        ("/gone.txt", None),
        ("/pipe", None),
        ("/socket", None),
        ("/zero", None),
        ("/null", None),
        ("/folder/../../secret.txt", None),
        ("/../secret.txt", None),
        ("/..%2fsecret.txt", None),
        ("/%2e%2e/secret.txt", None),
        ("/%2E%2E%2Fsecret.txt", None),
        ("/%252e%252e/secret.txt", None),
        ("/%c0%ae%c0%ae/secret.txt", None),
        ("/%ef%bc%8e%ef%bc%8e/secret.txt", None),
        ("/..;/secret.txt", None),
        ("/..\\secret.txt", None),
        ("/..%5csecret.txt", None),
        ("/.../secret.txt", None),
        ("/folder/..", None),
        ("/in.txt/", None),
        ("/in.txt/..", None),
        ("/in.txt/.", None),
        ("/in.txt.", None),
        ("/in.txt%20", None),
        ("/in.txt%00", None),
        ("/in.txt%00.html", None),
        ("/IN.TXT", None),
        ("/in.txt::$DATA", None),
        ("//in.txt", None),
        ("/./in.txt", None),
        ("/folder//in.txt", None),
        ("/%", None),
        ("/%zz", None),
        ("/%ff%fe", None),
        ("/%0d%0ax:%20y", None),
        (&"/folder".repeat(1000), None),
        (&format!("/{}", "x".repeat(9000)), None),
        (&format!("/{}in.txt", "folder/../".repeat(800)), None),
    ] {
        let answer = site.get(target);
        assert_eq!(answer.strip_prefix("200 "), expected, "{target:.60}: {answer:.60}");
    }
    site.lift();
}

/// E30: a link or a pipe that takes the place of a file or of a folder between two looks is neither
/// followed nor waited for.
pub fn e30_what_is_swapped_while_it_is_served_leads_nowhere(serve: Serve) {
    let mut site = Site::new(serve);
    let public = site.folder.path().join("public");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for (place, other) in
                    [("folder", "away"), ("in.txt", "out.txt"), ("hard.txt", "pipe")]
                {
                    swap(&public, place, other);
                }
            }
        });
        // Also when this thread panics.
        let _over = Over(&over);
        let mut served = 0;
        while served < 1000 {
            for target in ["/folder/in.txt", "/folder/secret.txt", "/in.txt", "/hard.txt"] {
                let answer = site.get(target);
                assert!(answer == "200 open" || answer.starts_with("404 "), "{target}: {answer}");
                served += usize::from(answer == "200 open");
            }
        }
    });
    site.lift();
}

/// Ends what looks at it, when dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Gives two entries of a folder each other's names.
fn swap(folder: &Path, one: &str, other: &str) {
    let free = folder.join("free");
    fs::rename(folder.join(one), &free).unwrap();
    fs::rename(folder.join(other), folder.join(one)).unwrap();
    fs::rename(free, folder.join(other)).unwrap();
}

/// A served folder with a secret beside it, and a client that must not notice.
struct Site {
    folder: TempDir,
    address: SocketAddr,
    witness: Channel,
    io: Io,
    _socket: UnixListener,
    _serving: Serving,
}

impl Site {
    fn new(serve: Serve) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let public = folder.path().join("public");
        for (path, content) in [
            ("secret.txt", "secret"),
            ("elsewhere/in.txt", "secret"),
            ("elsewhere/secret.txt", "secret"),
            ("public/in.txt", "open"),
            ("public/folder/in.txt", "open"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir(public.join("sly")).unwrap();
        for (link, target) in [
            ("near.txt", Path::new("in.txt")),
            ("absolute.txt", &public.join("in.txt")),
            ("within", Path::new("folder")),
            ("out.txt", Path::new("../secret.txt")),
            ("chain.txt", Path::new("out.txt")),
            ("round.txt", Path::new("round.txt")),
            ("away", Path::new("../elsewhere")),
            ("up", Path::new("..")),
            ("sly/index.html", Path::new("../../secret.txt")),
            ("gone.txt", Path::new("nothing.txt")),
            ("zero", Path::new("/dev/zero")),
            ("null", Path::new("/dev/null")),
        ] {
            symlink(target, public.join(link)).unwrap();
        }
        fs::hard_link(public.join("in.txt"), public.join("hard.txt")).unwrap();
        assert!(Command::new("mkfifo").arg(public.join("pipe")).status().unwrap().success());
        let _socket = UnixListener::bind(public.join("socket")).unwrap();
        let mut app = App::with_config(brief());
        app.files(Files::new().map("/", public));
        app.on("echo", |n: usize| n);
        let (io, address, _serving) = start(serve, app);
        let witness = Channel::connect(address).unwrap();
        Self { folder, address, witness, io, _socket, _serving }
    }

    /// The status of a GET and its body.
    fn get(&self, target: &str) -> String {
        let mut stream = open(self.address);
        let ask = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).unwrap();
        let answer = String::from_utf8(rest(&mut stream)).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        format!("{} {body}", &head[9..12])
    }

    /// Checks that the witness was served all the time.
    fn lift(&mut self) {
        (0..5).for_each(|n| self.witness.echo(n).unwrap());
        self.io.close();
        settle(&self.io, 0);
    }
}
