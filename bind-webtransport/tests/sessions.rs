//! Sessions over real sockets of the loopback interface, with a client that is no browser.

use rcgen::{CertificateParams, KeyPair};
use sansocket_tokio::{App, Config, Io, Origins, Server, Socket};
use sansocket_webtransport::{Certificate, Endpoint};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;
use web_transport_quinn as web;
use web_transport_quinn::http::HeaderName;
use web_transport_quinn::proto::ConnectRequest;

/// A server at an address, and a way to stop it.
struct Served {
    io: Io,
    client: web::Client,
    authority: String,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// The stream of a session, as an Engine.IO client has it.
struct Stream {
    session: web::Session,
    send: web::SendStream,
    receive: web::RecvStream,
}

fn certificate() -> Certificate {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let chain = vec![params.self_signed(&key).unwrap().der().clone()];
    Certificate::new(chain, key.into())
}

fn app(set: impl FnOnce(&mut Config)) -> App {
    let mut config = Config::default();
    config.transports.webtransport = true;
    set(&mut config);
    let mut app = App::with_config(config);
    app.on("add", |a: i64, b: i64| a + b);
    app.on("from", |socket: Socket| {
        let handshake = socket.handshake();
        let agent = handshake.header("user-agent").map(str::to_owned);
        (handshake.is_secure(), handshake.peer().is_some(), handshake.query().to_owned(), agent)
    });
    app
}

fn serve(set: impl FnOnce(&mut Config)) -> Served {
    let certificate = certificate();
    let endpoint = Endpoint::bind("127.0.0.1:0", &certificate).unwrap();
    let authority = endpoint.local_addr().unwrap().to_string();
    let hash = certificate.sha256().unwrap().to_vec();
    let client = web::ClientBuilder::new().with_server_certificate_hashes(vec![hash]).unwrap();
    let server = Server::new(app(set));
    let io = server.io();
    let task = tokio::spawn(async move { endpoint.serve(&server).await });
    Served { io, client, authority, task }
}

/// Waits no longer than a busy machine may need.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.expect("it takes too long")
}

fn request(url: &str) -> ConnectRequest {
    ConnectRequest::new(Url::parse(url).unwrap())
}

impl Served {
    async fn connect(&self, target: &str, fields: &[(&str, &str)]) -> Option<web::Session> {
        let mut request = request(&format!("https://{}{target}", self.authority));
        for (name, value) in fields {
            let name = HeaderName::try_from(*name).unwrap();
            request.headers.insert(name, value.parse().unwrap());
        }
        soon(self.client.connect(request)).await.ok()
    }

    async fn open(&self, target: &str) -> Stream {
        let session = self.connect(target, &[("user-agent", "test")]).await.expect("accepted");
        let (send, receive) = soon(session.open_bi()).await.unwrap();
        Stream { session, send, receive }
    }
}

impl Stream {
    async fn send(&mut self, text: &str) {
        let mut bytes = vec![u8::try_from(text.len()).unwrap()];
        bytes.extend_from_slice(text.as_bytes());
        soon(self.send.write_all(&bytes)).await.unwrap();
    }

    /// The next message, if one comes.
    async fn recv(&mut self) -> Option<String> {
        let mut first = [0];
        soon(self.receive.read_exact(&mut first)).await.ok()?;
        let len = match first[0] {
            126 => {
                let mut len = [0; 2];
                soon(self.receive.read_exact(&mut len)).await.ok()?;
                usize::from(u16::from_be_bytes(len))
            }
            len => usize::from(len),
        };
        let mut text = vec![0; len];
        soon(self.receive.read_exact(&mut text)).await.ok()?;
        Some(String::from_utf8(text).unwrap())
    }

    async fn join(&mut self) {
        self.send("0").await;
        assert!(self.recv().await.unwrap().starts_with("0{\"sid\":"));
        self.send("40").await;
        assert!(self.recv().await.unwrap().starts_with("40{\"sid\":"));
    }
}

#[tokio::test]
async fn a_session_lives_on_a_stream_until_the_server_stops() {
    let served = serve(|_| {});
    let mut stream = served.open("/socket.io/?EIO=4&transport=webtransport&a=b").await;
    stream.join().await;
    stream.send("421[\"add\",1,2]").await;
    assert_eq!(stream.recv().await.unwrap(), "431[3]");
    stream.send("422[\"from\"]").await;
    let query = "EIO=4&transport=webtransport&a=b";
    assert_eq!(stream.recv().await.unwrap(), format!("432[true,true,\"{query}\",\"test\"]"));
    served.io.stop();
    assert_eq!(stream.recv().await.as_deref(), None);
    soon(stream.session.closed()).await;
    soon(served.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_session_is_refused_elsewhere_for_foreign_pages_and_where_it_is_off() {
    let served = serve(|config| config.origins = Origins::List(vec!["https://b.example".into()]));
    let target = "/socket.io/?EIO=4&transport=webtransport";
    assert!(served.connect("/elsewhere/", &[]).await.is_none());
    assert!(served.connect(target, &[("origin", "https://a.example")]).await.is_none());
    assert!(served.connect(target, &[("origin", "https://b.example")]).await.is_some());
    let off = serve(|config| config.transports.webtransport = false);
    assert!(off.connect(target, &[]).await.is_none());
}

#[tokio::test]
async fn a_client_that_opens_nothing_or_breaks_a_rule_is_given_up() {
    let served = serve(|config| config.limits.head_time = Duration::from_millis(300));
    let target = "/socket.io/?EIO=4&transport=webtransport";
    let idle = served.connect(target, &[]).await.unwrap();
    soon(idle.closed()).await;
    let mut silent = served.open(target).await;
    // Bytes tell that a stream is there: this is the beginning of a packet.
    soon(silent.send.write_all(&[1])).await.unwrap();
    assert_eq!(silent.recv().await, None);
    soon(silent.session.closed()).await;
    for text in ["40", "0{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", "0{\"sid\":\"__proto__\"}"] {
        let mut stream = served.open(target).await;
        stream.send(text).await;
        assert_eq!(stream.recv().await, None, "{text}");
        soon(stream.session.closed()).await;
    }
    let mut stream = served.open(target).await;
    stream.join().await;
    soon(stream.send.write_all(&[0x7f, 0, 0, 1, 0, 0, 0, 0, 0])).await.unwrap();
    assert_eq!(stream.recv().await, None, "a message that is announced too long");
    soon(stream.session.closed()).await;
}

#[tokio::test]
async fn a_certificate_is_replaced_while_the_endpoint_serves() {
    let (first, second) = (certificate(), certificate());
    let endpoint = Endpoint::bind("127.0.0.1:0", &first).unwrap();
    let url = format!("https://{}/socket.io/", endpoint.local_addr().unwrap());
    let server = Server::new(app(|_| {}));
    let serving = endpoint.clone();
    tokio::spawn(async move { serving.serve(&server).await });
    let connect = async |certificate: &Certificate| {
        let hash = certificate.sha256().unwrap().to_vec();
        let client = web::ClientBuilder::new().with_server_certificate_hashes(vec![hash]).unwrap();
        soon(client.connect(request(&url))).await.is_ok()
    };
    assert!(connect(&first).await);
    endpoint.reload(&second).unwrap();
    assert!(connect(&second).await);
    assert!(!connect(&first).await);
}
