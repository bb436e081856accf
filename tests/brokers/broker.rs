//! Message brokers as processes of their own, each on a free port of the loopback interface.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a broker may take to listen: RabbitMQ takes ten seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Ports that the system gives to nobody who asks for any.
const PORTS: Range<u32> = 10_240..32_768;

/// Runs scripts with packages of Python.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/run");

/// The file that a program writes its port to, if it is not the one that it is given.
const PORT: &str = "port";

/// A message broker in a process of its own, which ends with this.
#[derive(Debug)]
pub struct Broker {
    command: Command,
    processes: Vec<Child>,
    port: u16,
    folder: TempDir,
}

impl Broker {
    /// Starts a NATS server with more arguments.
    ///
    /// # Panics
    /// When it is not installed, or does not listen within two minutes.
    #[must_use]
    pub fn nats(more: &[&str]) -> Self {
        Self::start("nats-server", "nats-server", |command, port, _| {
            command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]).args(more);
            Vec::new()
        })
    }

    /// Starts RabbitMQ, with more lines of its configuration.
    ///
    /// # Panics
    /// When it is not installed, or does not listen within two minutes.
    #[must_use]
    pub fn rabbitmq(more: &str) -> Self {
        Self::start(&rabbit("rabbitmq-server"), "rabbitmq-server", |command, port, folder| {
            let (names, own) = (free_port().to_string(), free_port().to_string());
            let config = folder.join("rabbitmq.conf");
            fs::write(&config, more).expect("a file of its own");
            command
                .env("HOME", folder)
                .env("RABBITMQ_NODENAME", format!("test{port}@localhost"))
                .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
                .env("RABBITMQ_NODE_PORT", port.to_string())
                .env("RABBITMQ_DIST_PORT", own)
                .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
                .env("RABBITMQ_LOG_BASE", folder.join("log"))
                .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
                .env("RABBITMQ_CONF_ENV_FILE", folder.join("none"))
                .env("RABBITMQ_CONFIG_FILE", &config)
                .env(
                    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                    "-kernel inet_dist_use_interface {127,0,0,1}",
                )
                .env("ERL_EPMD_PORT", &names)
                // The script becomes the server, instead of watching over it.
                .env("detached", "1");
            // It would start one itself, which would stay.
            let mut registry = Command::new("epmd");
            registry.args(["-port", &names, "-address", "127.0.0.1"]).stdin(Stdio::null());
            vec![registry.spawn().expect("Erlang comes with RabbitMQ")]
        })
    }

    /// Runs `rabbitmqctl` for this RabbitMQ, and returns what it writes.
    ///
    /// # Panics
    /// When that fails.
    pub fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(rabbit("rabbitmqctl"));
        for (name, value) in self.command.get_envs() {
            command.env(name, value.expect("it is set"));
        }
        // The server has the port.
        command.env_remove("RABBITMQ_DIST_PORT").env_remove("detached");
        command.env_remove("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS");
        let output = command.args(arguments).output().expect("it comes with RabbitMQ");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts a cluster of Kafka: one broker, which librdkafka plays. It has another port after a restart.
    ///
    /// # Panics
    /// When it cannot be installed, for want of Python or its packages, or does not listen within two minutes.
    #[must_use]
    pub fn kafka() -> Self {
        Self::start(PYTHON, "python3-venv", |command, _, folder| {
            command.arg("mock_kafka.py").arg(folder.join(PORT));
            Vec::new()
        })
    }

    /// Starts a program of a package of Debian, and waits until it listens. `prepare` gets a free port and a folder
    /// for files; it adds the arguments, and starts what the program needs besides.
    ///
    /// # Panics
    /// When the program is not installed, or does not listen within two minutes.
    #[must_use]
    pub fn start(
        program: &str,
        package: &str,
        prepare: impl FnOnce(&mut Command, u16, &Path) -> Vec<Child>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let port = free_port();
        let log = fs::File::create(folder.path().join("stdout")).expect("a file of its own");
        let errors = log.try_clone().expect("a file descriptor");
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let processes = prepare(&mut command, port, folder.path());
        let mut broker = Self { command, processes, port, folder };
        broker.run(&format!("cannot start {program}: install the Debian package {package}"));
        broker
    }

    /// Returns the port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder of its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it.
    pub fn kill(&mut self) {
        let child = self.processes.pop().expect("it runs");
        end(child);
    }

    /// Starts it again after [`kill`](Self::kill), on the same port.
    pub fn restart(&mut self) {
        self.run("cannot start it again");
    }

    /// Stops it where it stands: connections stay, and nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn run(&mut self, failure: &str) {
        let child = self.command.spawn().unwrap_or_else(|error| panic!("{failure} ({error})"));
        self.processes.push(child);
        let patience = Instant::now() + PATIENCE;
        while !self.listens() {
            let child = self.processes.last_mut().expect("it was started");
            let ended = child.try_wait().expect("it is a child");
            if ended.is_some() || Instant::now() > patience {
                let log = fs::read_to_string(self.folder.path().join("stdout"));
                panic!("a broker does not listen: {ended:?}\n{}", log.unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn listens(&mut self) -> bool {
        if let Ok(port) = fs::read_to_string(self.folder.path().join(PORT)) {
            self.port = port.parse().expect("a number");
        }
        TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).is_ok()
    }

    fn signal(&self, name: &str) {
        let id = self.processes.last().expect("it runs").id().to_string();
        let done = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(done.expect("kill is a command").success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.processes.drain(..).rev().for_each(end);
    }
}

/// A program of RabbitMQ: those in the PATH insist on a user of their own.
fn rabbit(program: &str) -> String {
    format!("/usr/lib/rabbitmq/bin/{program}")
}

/// Returns a command that runs a script of the folder `python`, which is one of the servers of others.
#[must_use]
pub fn python(script: &str) -> Command {
    let mut command = Command::new(PYTHON);
    command.arg(script);
    command
}

/// Returns a port of the loopback interface on which nobody listens, another one each time.
///
/// Whoever asks the system for any port gets one from 32768 on. This one is below them, so that nobody takes it before
/// a server listens; processes begin at different ones.
///
/// # Panics
/// When all of them are taken.
#[must_use]
pub fn free_port() -> u16 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let first = process::id().wrapping_mul(16);
    let ports = (0..PORTS.end - PORTS.start).map(|_| {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        PORTS.start + first.wrapping_add(call) % (PORTS.end - PORTS.start)
    });
    let mut ports = ports.filter_map(|port| u16::try_from(port).ok());
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(is_free).expect("a free port")
}

fn end(mut child: Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::{PORTS, free_port};
    use std::collections::HashSet;

    #[test]
    fn free_ports_differ_and_are_none_that_the_system_gives_out() {
        let ports: HashSet<u32> = (0..100).map(|_| free_port().into()).collect();
        assert_eq!(ports.len(), 100);
        assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
    }
}
