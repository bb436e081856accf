//! `docs/from-flask-socketio.md`

use sansocket_redis::Redis;
use sansocket_tokio::test::{TestClient, TestServer, TestSocket};
use sansocket_tokio::{
    AckError, App, Cluster, Config, Cookie, EmitError, EventName, Events, Files, Format, Io,
    JoinError, Json, Listener, Namespace, NamespaceClass, Origins, Refusal, Server, Socket, State,
    Tls, concurrent, http, sequential,
};
use sansocket_tokio::{Bytes, NoReply, Session};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

#[derive(Deserialize)]
struct Login;

#[derive(Clone, Deserialize, Default)]
struct User;

#[derive(Default)]
struct Chat(u8);

impl NamespaceClass for Chat {
    fn register(_: &mut Events<'_, Self>) {}
}

fn clusters(app: &mut App, redis: Redis) {
    app.cluster(Cluster::new(redis).format(Format::Python).prefix("flask-socketio"));
}

fn options(config: &mut Config, app: &mut App) {
    config.ping_grace = Duration::ZERO;
    config.compression = None;
    config.cookie = Some(Cookie::named("io"));
    app.generate_id(|request, caller| format!("{}-{:?}", request.path(), caller.peer));
    app.allow_request(|request, caller| match request.header("x-key") {
        Some(_) if caller.secure => Ok(()),
        Some(_) | None => Err("no key"),
    });
}

fn handlers(app: &mut App) {
    fn say(socket: Socket, data: Value) {
        let _ = socket.emit("said", &data);
    }
    fn handler() {}
    app.on("say", say);
    app.namespace("/chat").on("say", say);
    app.on_any(|name: EventName, data: Value| println!("{} {data}", &*name));
    app.class("/chat", Chat::default());
    app.on("aside", concurrent(handler)).on("in turn", sequential(handler));
    let namespace: &mut Namespace = app.any_namespace();
    namespace.sequential();
    namespace.packet_middleware(|socket, message| match message.name() {
        "shout" => Err(format!("{} shouts", socket.id())),
        _ => Ok(()),
    });
}

fn sending(
    (socket, io): (&Socket, &Io),
    (room, r, sid): (&str, &str, &str),
    (a, b): (&str, &str),
    (data, value): (&Value, &Value),
) -> Result<(), EmitError> {
    socket.emit("x", &data)?;
    socket.emit("x", &("a", 1))?;
    socket.send("text")?;
    socket.send_json(&value)?;
    socket.within(room).emit("x", data)?;
    socket.nsp().to([a, b]).except(sid).emit("x", data)?;
    socket.nsp().except([a, b]).emit("x", data)?;
    io.emit("x", data)?;
    io.to(sid).emit("x", data)?;
    io.of("/chat").emit("x", data)?;
    io.to(socket.id()).emit("x", data)?;
    io.to(sid).join(r)?;
    io.to(sid).leave(r)?;
    io.close_room(r)?;
    Ok(())
}

fn rooms(socket: &Socket, r: &str) -> Result<bool, JoinError> {
    let left = socket.leave(r);
    let joined = socket.join(r);
    println!("{left:?} {:?}", socket.rooms());
    joined
}

async fn acknowledgements(
    (app, socket, io): (&mut App, &Socket, &Io),
    (sid, data, timeout): (&str, &Value, Duration),
) -> Result<(), AckError> {
    app.on("one", || "ok").on("two", || ("a", 1)).on("own", |value: Value| Json(value));
    app.on("none", || NoReply);
    socket.emit_then("x", &data, timeout, |answer| println!("{answer:?}"))?;
    let answer = socket.call::<String>("x", &data).await;
    println!("{}", answer == Err(AckError::TimedOut));
    println!("{:?}", socket.call_within::<u8>("x", data, Duration::from_secs(5)).await?);
    if let Some(socket) = io.local().socket(sid) {
        println!("{:?}", socket.call::<u8>("x", data).await?);
    }
    println!("{:?}", io.emit_with_ack("x", &data, timeout).await?);
    Ok(())
}

fn connecting((app, socket, io): (&mut App, &Socket, &Io), sid: &str) {
    app.on_connect(|socket: Socket, auth: Login| {
        let Login = auth;
        socket.is_connected()
    });
    app.namespace("/a").on_connect(|data: Value| -> Result<(), Refusal> {
        Err(Refusal::new("no").with_data(&data))
    });
    app.namespace("/b").on_connect(|data: Value| -> Result<(), _> { Err(("no", data)) });
    socket.disconnect();
    socket.disconnect_and_close();
    let _ = io.of("/chat").to(sid).disconnect();
}

fn errors(app: &mut App) {
    app.namespace("/chat").on_error(|error| println!("{} {:?}", error.event, error.args));
    app.on_error(|error| println!("{:?}", error.cause));
}

fn sessions<T: Send + Sync + 'static>(app: &mut App, socket: &Socket, name: &str, value: T) {
    println!("{} {}", socket.id(), socket.namespace());
    println!("{:?} {:?} {:?}", socket.header(name), socket.query(name), socket.cookie(name));
    println!("{:?} {:?}", socket.peer(), socket.handshake());
    socket.session().set(User {});
    println!("{}", socket.session::<User>().get().is_some());
    app.manage(value);
    app.on("state", |_: State<T>| {});
    app.on("session", |session: Session<User>| session.get().is_some());
}

fn tests(app: App, duration: Duration, (a, b): (u8, u8), login: &Value) {
    let server = TestServer::new(app);
    let other = server.connect();
    let client =
        server.client().namespace("/chat").auth(login).query("a", "b").header("c", "d").connect();
    let client = client.or(other).unwrap();
    client.emit("x", &(a, b));
    let answer: Result<u8, _> = client.call("x", &(a, b));
    println!("{answer:?}");
    println!("{}", client.is_connected());
    for received in client.get_received() {
        println!("{:?}", decode::<User>(&received).is_ok());
    }
    server.advance(duration);
}

fn decode<T: DeserializeOwned>(
    received: &sansocket_tokio::test::ReceivedEvent,
) -> Result<T, sansocket_tokio::args::DecodeError> {
    received.decode::<T>()
}

struct Guest;

impl NamespaceClass<TestSocket> for Guest {
    fn register(events: &mut Events<'_, Self, TestSocket>) {
        events.on("kick", Self::kick);
    }
}

impl Guest {
    fn kick(&self, _: String) {}
}

fn clients(client: &TestClient, (event, namespace): (&str, &str), auth: &Value, data: &Value) {
    client.class(Guest);
    let (a, b) = (1, 2);
    client.emit(event, &(a, b));
    client.send(&data);
    client.send_json(&data);
    client.on(event, || ());
    println!("{:?}", client.join(namespace, &auth).is_ok());
    client.disconnect();
}

async fn running(app: App, server: Server, address: &str, tls: Tls) -> std::io::Result<()> {
    let io = server.io();
    let background = io.clone();
    io.spawn(async move { background.sleep(Duration::from_secs(1)).await });
    let news = io.clone();
    io.thread(move || {
        while news.blocking_sleep(Duration::from_secs(1)) {
            let _ = news.emit("news", &());
        }
    });
    println!("{}", io.blocking_sleep(Duration::from_secs(1)));
    io.sleep(Duration::from_secs(1)).await;
    server.serve("0.0.0.0:8000").await?;
    server.serve_on([Listener::tcp(address)?.tls(tls)]).await?;
    println!("{:?}", server.layer());
    let server = Server::new(app);
    let io = server.io();
    drop(tokio::spawn(async move { server.run().await }));
    io.stop();
    Ok(())
}

fn files(app: &mut App) {
    app.files(Files::new().map("/static", "public"));
    app.files(
        Files::new().map("/socket.io.js", "node_modules/socket.io-client/dist/socket.io.min.js"),
    );
    app.fallback(|request: http::Request<Bytes>| request.uri().to_string());
}

fn cors(config: &mut Config) {
    for origins in [
        Origins::SameOrigin,
        Origins::List(vec!["https://a.example".into()]),
        Origins::Any,
        Origins::matching(|origin| origin.ends_with(".example")),
        Origins::Unchecked,
    ] {
        config.origins = origins;
    }
    config.credentials = true;
    config.trust_forwarded = true;
}
