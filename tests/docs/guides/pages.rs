//! The other pages.

use axum::extract::ConnectInfo;
use sansocket_app::bind::Connection;
use sansocket_app::{Broker, Cluster, NodeConfig};
use sansocket_tokio::{
    AckError, App, BusError, Config, ConfigError, EmitError, Format, Io, Layer, Listener, Misuse,
    Msgpack, Origins, Protocols, Reason, Refused, Server, SlowClient, Socket, SocketIoLayer, State,
    Tls, Violation, concurrent, sequential,
};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

fn deployment(
    (address, path): (&str, &str),
    std_listener: TcpListener,
    tls: Tls,
) -> std::io::Result<Vec<Listener>> {
    println!("{}", reload(&tls).is_ok());
    Ok(vec![
        Listener::tcp(address)?.tls(tls),
        Listener::tcp_shared(address)?,
        Listener::unix(path)?,
        Listener::try_from(std_listener)?,
    ])
}

fn clusters(sent: Result<(), EmitError>, format: Format) {
    match sent {
        Err(EmitError::Bus(BusError::Unsupported(unsupported))) => println!("{unsupported}"),
        Err(EmitError::Bus(error)) => println!("{error}"),
        Ok(()) | Err(_) => {}
    }
    println!("{}", matches!(format, Format::Sharded | Format::Streams));
}

fn bounds(error: BusError, redis: impl Broker, config: NodeConfig) -> Option<Cluster> {
    match error {
        BusError::Full { .. } | BusError::TooLarge { .. } => None,
        BusError::Left | BusError::Unsupported(_) | _ => {
            Some(Cluster::config(Cluster::new(redis), config))
        }
    }
}

fn addresses(server: &Server) -> SocketIoLayer {
    server.layer().peer(|head| head.extensions.get().map(|ConnectInfo(peer)| *peer))
}

fn reload(tls: &Tls) -> Result<(), sansocket_tokio::TlsError> {
    tls.reload()
}

fn parsers(config: &mut Config) {
    config.parser = Some(Arc::new(Msgpack));
}

fn guarantees(app: &mut App) {
    fn handler<T>(_: State<T>) {}
    app.on("in turn", sequential(handler::<u8>)).on("aside", concurrent(handler::<u8>));
}

fn asked(connection: &Connection, socket: &Socket) -> bool {
    println!("{:?}", socket.header("sec-websocket-protocol"));
    Connection::wants_look(connection)
}

async fn ends(server: &Server, socket: &Socket) {
    server.ended().await;
    server.io().sleep(Duration::ZERO).await;
    println!("{}", socket.call::<u8>("x", &()).wait().is_ok());
}

fn refusals(sent: Result<bool, Refused>, answer: AckError) -> &'static str {
    match sent {
        Err(Refused::Gone) => "gone",
        Err(Refused::Backlog { .. }) => "reads too slowly",
        Err(Refused::TooManyQuestions) => "asked too often",
        Err(Refused::Misuse(Misuse::TooManyAttachments)) => "too many attachments",
        Ok(false) => match answer {
            AckError::Decode(_) => "odd",
            AckError::Disconnected => "left",
            AckError::Emit(EmitError::Refused(_)) => "not asked",
            AckError::TimedOut => "late",
            AckError::Emit(_) | _ => "not asked at all",
        },
        _ => "sent",
    }
}

fn reasons(reason: Reason) -> bool {
    matches!(reason, Reason::GaveWay | Reason::SlowConsumer)
        || reason == Reason::Violation(Violation::TooManyAttachments)
        || reason == Reason::Violation(Violation::TooSlow)
}

fn settings(config: &mut Config, app: &mut App) -> Result<(), ConfigError> {
    config.origins = Origins::SameOrigin;
    config.origins = Origins::Any;
    config.protocols = Protocols::First;
    config.layer = Layer::EngineIo;
    for slow in [SlowClient::Refuse, SlowClient::Skip, SlowClient::Drop, SlowClient::Disconnect] {
        config.slow = slow;
    }
    app.on_engine_message(|_, _| {});
    app.generate_id(|_, _| String::new());
    Config::check(config)
}

fn sending(
    (socket, io): (&Socket, &Io),
    rooms: [&str; 2],
    (event, args): (&str, u8),
) -> Result<(), EmitError> {
    socket.emit(event, &args)?;
    socket.to(rooms).emit(event, &args)?;
    socket.within(rooms).emit(event, &args)?;
    socket.except(rooms).emit(event, &args)?;
    io.to(rooms).emit(event, &args)?;
    println!("{:?} {:?}", io.to(rooms).local().sockets(), io.everyone());
    println!("{:?}", io.of("/chat").everyone());
    io.except(rooms).emit(event, &args)
}

fn troubles(app: &mut App, server: &Server, socket: &Socket, room: &str) {
    app.namespace("/name");
    println!("{:?} {:?}", server.service(), socket.within(room));
}

fn greeting(app: &mut App) {
    app.on_connect(|socket: Socket| {
        let _ = socket.emit("welcome", "hello");
    });
}

fn threads(app: App, threads: sansocket_blocking::Threads) -> Io {
    type Server = sansocket_blocking::Server;
    Server::builder(app).threads(threads).build().io()
}

fn architecture(connection: &mut Connection) {
    Connection::poll_write(connection, &mut []);
}

fn hosts(server: &mut sansocket::Server, request: sansocket::Request<'_>) -> sansocket::Verdict {
    sansocket::Server::handle_request(
        server,
        std::time::Instant::now(),
        request,
        Default::default(),
    )
}
