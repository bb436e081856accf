//! Load balancers that follow the name of the node in a session id, as the pages configure them.

use sansocket_app::{App, Config, Io};
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

use crate::channel::Channel;
use crate::client::{Client, PATIENCE};
use crate::serve::{Serve, Serving, start};

/// nginx with `docs/deploy/nginx.conf`.
pub fn nginx_keeps_each_session_on_its_node(serve: Serve) {
    keeps_each_session_on_its_node(serve, |folder, address, nodes| {
        let page = include_str!("../../docs/deploy/nginx.conf");
        let site = fit(page, nodes, "listen 80", &format!("listen {address}"));
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let rooms =
            kinds.map(|kind| format!("{kind}_temp_path {};\n", folder.join(kind).display()));
        let (rooms, pid) = (rooms.concat(), folder.join("pid"));
        let whole = format!(
            "daemon off; master_process off; pid {};\nerror_log stderr;\nevents {{}}\n\
             http {{\naccess_log off;\n{rooms}{site}}}\n",
            pid.display()
        );
        let file = written(folder, "nginx.conf", &whole);
        let mut nginx = Command::new("nginx");
        nginx.args(["-e", "stderr", "-c", &file]);
        nginx
    });
}

/// HAProxy with `docs/deploy/haproxy.cfg`.
pub fn haproxy_keeps_each_session_on_its_node(serve: Serve) {
    keeps_each_session_on_its_node(serve, |folder, address, nodes| {
        let page = include_str!("../../docs/deploy/haproxy.cfg");
        let whole = fit(page, nodes, "bind :80", &format!("bind {address}"));
        let file = written(folder, "haproxy.cfg", &whole);
        let mut haproxy = Command::new("haproxy");
        haproxy.args(["-db", "-f", &file]);
        haproxy
    });
}

/// Caddy with `docs/deploy/Caddyfile`.
pub fn caddy_keeps_each_session_on_its_node(serve: Serve) {
    keeps_each_session_on_its_node(serve, |folder, address, nodes| {
        let page = include_str!("../../docs/deploy/Caddyfile");
        let site = format!("http://:{}", address.port());
        let site = fit(page, nodes, "http://chat.example:80", &site);
        let bind = format!("default_bind {}", address.ip());
        let whole = format!("{{\n\tadmin off\n\tauto_https off\n\t{bind}\n}}\n{site}");
        let file = written(folder, "Caddyfile", &whole);
        let mut caddy = Command::new("caddy");
        caddy.args(["run", "--adapter", "caddyfile", "--config", &file]);
        caddy.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        caddy
    });
}

/// The id of a session that no node has.
const UNKNOWN: &str = "n2.AAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A load balancer that runs.
struct Balancer {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Balancer {
    /// Starts what `command` says in front of two nodes, and waits until it hands requests on.
    fn start(
        nodes: [SocketAddr; 2],
        command: impl FnOnce(&Path, SocketAddr, [SocketAddr; 2]) -> Command,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = own_address();
        let mut command = command(folder.path(), address, nodes);
        let name = command.get_program().to_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{name:?} does not start ({error}): install it, as tests/peers/set-up does")
        });
        let mut this = Self { child, address, _folder: folder };
        let patience = Instant::now() + PATIENCE;
        while !this.hands_on() {
            let ended = this.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name:?} ended: {ended:?}");
            assert!(Instant::now() < patience, "{name:?} hands no request on");
            thread::sleep(Duration::from_millis(10));
        }
        this
    }

    /// Whether a node answers a request behind the balancer, which may break connections while it starts.
    fn hands_on(&self) -> bool {
        let Ok(stream) = TcpStream::connect(self.address) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client::on(stream);
        UNKNOWN.clone_into(&mut client.sid);
        client.try_request("GET", "").is_ok_and(|(status, _)| status == 400)
    }

    /// A polling client of a session, or of none yet, on a connection of its own.
    fn client(&self, sid: &str) -> Client {
        let stream = TcpStream::connect(self.address).expect("the balancer listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client::on(stream);
        sid.clone_into(&mut client.sid);
        client
    }
}

/// A free port of a loopback address that no other process of the tests uses: until the balancer listens there, nobody
/// else may.
fn own_address() -> SocketAddr {
    let [_, high, middle, low] = process::id().to_be_bytes();
    let free = TcpListener::bind((Ipv4Addr::new(127, 64 | high & 63, middle, low), 0)).unwrap();
    free.local_addr().unwrap()
}

/// Starts a node that tells its name.
pub(crate) fn node(serve: Serve, name: &'static str) -> (Io, SocketAddr, Serving) {
    let mut config = Config::default();
    config.node = Some(name.parse().unwrap());
    config.trust_forwarded = true;
    let mut app = App::with_config(config);
    app.on("which", move || name);
    start(serve, app)
}

fn keeps_each_session_on_its_node(
    serve: Serve,
    command: impl FnOnce(&Path, SocketAddr, [SocketAddr; 2]) -> Command,
) {
    let (_one, first, _serving) = node(serve, "n1");
    let (_two, second, _serving) = node(serve, "n2");
    let balancer = Balancer::start([first, second], command);
    let mut sids = Vec::new();
    for _ in 0..12 {
        let mut client = balancer.client("");
        let (status, open) = client.request("GET", "");
        assert_eq!(status, 200, "{open}");
        sids.push(open.split('"').nth(3).expect("the session has an id").to_owned());
    }
    let names: BTreeSet<_> = sids.iter().map(|sid| &sid[..3]).collect();
    assert_eq!(names, BTreeSet::from(["n1.", "n2."]), "new sessions are spread");
    for sid in &sids {
        // Each request on a connection of its own, so that nothing but the sid leads to the node.
        balancer.client(sid).post("40");
        assert!(balancer.client(sid).poll().starts_with("40{"));
        for n in 0..3 {
            balancer.client(sid).post(&format!(r#"42{n}["which"]"#));
            assert_eq!(balancer.client(sid).poll(), format!(r#"43{n}["{}"]"#, &sid[..2]));
        }
        let mut channel =
            Channel::upgrade(balancer.address, sid).expect("its node has the session");
        channel.send(r#"429["which"]"#).unwrap();
        assert_eq!(channel.recv().unwrap(), format!(r#"439["{}"]"#, &sid[..2]));
    }
    let (status, body) = balancer.client(UNKNOWN).request("GET", "");
    assert_eq!(status, 400);
    assert!(body.contains("Session ID unknown"), "{body}");
}

/// The configuration of a page, for other ports.
fn fit(page: &str, [first, second]: [SocketAddr; 2], listens: &str, here: &str) -> String {
    for part in ["127.0.0.1:3001", "127.0.0.1:3002", listens] {
        assert!(page.contains(part), "the page has no {part}");
    }
    page.replace("127.0.0.1:3001", &first.to_string())
        .replace("127.0.0.1:3002", &second.to_string())
        .replace(listens, here)
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    file.to_str().expect("it is text").to_owned()
}
