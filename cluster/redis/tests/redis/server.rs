//! Servers of Redis.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use brokers::free_port;
use redis::{Client, Connection};
use tempfile::TempDir;

/// A server of Redis that keeps nothing, and ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: TempDir,
    settings: Vec<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with more settings, as on its command line. `FOLDER` in them is a folder of its own.
    pub(crate) fn with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let settings: Vec<String> =
            settings.iter().map(|setting| setting.replace("FOLDER", path)).collect();
        let port = free_port();
        let child = redis(port, folder.path(), &settings);
        Self { child, port, folder, settings }
    }

    /// Starts a sentinel of a master, with more lines of its configuration.
    pub(crate) fn sentinel(master: u16, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let file = folder.path().join("sentinel.conf");
        std::fs::write(
            &file,
            format!(
                "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\n{more}"
            ),
        )
        .unwrap();
        let child = run(Command::new("redis-server").arg(&file).arg("--sentinel"));
        await_port(port);
        Self { child, port, folder, settings: Vec::new() }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns a file in the server's own folder.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Connects as somebody else.
    pub(crate) fn connect(&self) -> Connection {
        Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// Ends the server at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the server again, at the same port.
    pub(crate) fn restart(&mut self) {
        self.child = redis(self.port, self.folder.path(), &self.settings);
    }

    /// Stops the server, so that it accepts connections and answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen server go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn redis(port: u16, folder: &Path, settings: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--save", "", "--bind", "127.0.0.1", "--dir"]).arg(folder);
    if !settings.iter().any(|setting| setting == "--tls-port") {
        command.args(["--port", &port.to_string()]);
    }
    let settings = settings.iter().map(|setting| setting.replace("PORT", &port.to_string()));
    let child = run(command.args(settings));
    await_port(port);
    child
}

fn run(command: &mut Command) -> Child {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.unwrap_or_else(|error| {
        panic!("redis-server does not run ({error}); on Debian: apt-get install redis-server")
    })
}

fn await_port(port: u16) {
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(20), "no server came up at port {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
