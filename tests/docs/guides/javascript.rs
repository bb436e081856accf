//! `docs/from-socket.io.md`

use sansocket_redis::Redis;
use sansocket_tokio::args::DecodeError;
use sansocket_tokio::{
    Ack, AckError, App, Args, Cluster, Config, Cookie, EmitError, Format, Io, Namespace, Origins,
    RawRest, Refusal, ServerEvent, Socket, sequential,
};
use serde_json::Value;
use std::time::Duration;

#[derive(Clone)]
struct T;

fn handlers(app: &mut App) {
    fn handler() {}
    app.on("given back", |a: String| a);
    let b = 7;
    app.on("b", move |a: String| b);
    app.on("later", |a: String, ack: Ack| {
        let b = a;
        let _ = ack.send(&b);
    });
    app.on("on", |socket: Socket, rest: RawRest| socket.emit("x", rest));
    app.on("in turn", sequential(handler));
    app.generate_id(|request, _| request.path().to_owned());
    app.on_any_outgoing(|sent| println!("{}", sent.event));
    app.on_refused(|refused| println!("{}", refused.rule));
    app.on_life(|io, namespace, life| println!("{:?} {life:?}", io.of(namespace)));
    app.initial_headers(|request, caller, fields| println!("{request:?} {caller:?} {fields:?}"));
    app.headers(|request, caller, fields| println!("{request:?} {caller:?} {fields:?}"));
}

fn clusters(app: &mut App, redis: Redis) {
    app.cluster(Cluster::new(redis).format(Format::Classic));
}

async fn servers(namespace: &mut Namespace, io: Io) -> Result<(), EmitError> {
    namespace.on_server_event("x", |event: ServerEvent| println!("{}", event.name()));
    io.server_emit("x", &1)?;
    println!("{:?}", io.server_ask("x", &()).await?);
    Ok(())
}

fn namespaces(app: &mut App, io: &Io, data: Value) {
    println!("{:?}", io.of("/chat"));
    app.namespace("/chat");
    let namespace = app.any_namespace();
    namespace.middleware(|socket: Socket| Err::<(), _>("no"));
    namespace.middleware(move |_: Socket| Err::<(), _>(Refusal::new("no").with_data(&data)));
    namespace.packet_middleware(|socket, message| match message.name() {
        "shout" => Err(format!("{} shouts", socket.id())),
        _ => Ok(()),
    });
}

fn sending(socket: &Socket, io: &Io, id: &str) -> Result<bool, EmitError> {
    socket.emit("x", &(1, "2"))?;
    socket.broadcast().emit("x", &())?;
    socket.to("room").emit("x", &())?;
    socket.to(["a", "b"]).except("c").emit("x", &())?;
    io.to("room").emit("x", &())?;
    io.to(id).emit("x", &())?;
    io.emit("x", &())?;
    socket.nsp().emit("x", &())?;
    io.volatile().emit("x", &())?;
    io.local().emit("x", &())?;
    socket.emit_uncompressed("x", &())?;
    io.uncompressed().emit("x", &())?;
    socket.emit_volatile("x", &())
}

async fn acknowledgements(socket: &Socket, io: &Io, a: &Value) -> Result<(), AckError> {
    socket.emit_then("x", &a, Duration::from_secs(5), |answer| println!("{answer:?}"))?;
    println!("{}", socket.call_within::<String>("x", &a, Duration::from_secs(5)).await?);
    println!("{}", socket.call::<String>("x", &a).await?);
    let gathered = io.emit_with_ack("x", &(), Duration::from_secs(5)).await?;
    println!("{}", gathered.missing);
    Ok(())
}

fn rooms(socket: &Socket, io: &Io, id: &str) {
    println!("{:?} {:?}", socket.leave("room"), socket.join("room"));
    println!("{:?}", socket.join(["a", "b"]));
    println!("{:?}", io.local().socket(id));
    let done = [io.to("a").disconnect(), io.everyone().join("a"), io.everyone().disconnect()];
    println!("{done:?}");
}

fn the_socket(socket: &Socket) -> Result<Value, DecodeError> {
    println!("{} {}", socket.id(), socket.namespace());
    println!("{}", socket.session::<T>().get().is_some());
    println!("{:?} {:?} {:?}", socket.header("x"), socket.query("q"), socket.peer());
    println!("{}", socket.is_connected());
    socket.disconnect();
    socket.disconnect_and_close();
    socket.close_transport();
    auth::<Value>(socket)
}

fn auth<T: serde::de::DeserializeOwned>(socket: &Socket) -> Result<T, DecodeError> {
    socket.auth::<T>()
}

fn options(config: &mut Config) {
    config.origins = Origins::Any;
    config.cookie = Some(Cookie::default());
}

fn passed_on(rest: &RawRest) -> &Args {
    &rest.0
}
