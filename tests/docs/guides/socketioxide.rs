//! `docs/from-socketioxide.md`

use sansocket_tokio::{AckError, App, Extension, Io, Namespace, Server, Session, Socket, State};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

fn handlers<T: Send + Sync + 'static>(app: &mut App, state: T) {
    fn on_connect() {}
    fn handler() {}
    fn middleware() {}
    fn session<T: Send + Sync + 'static>(_: Session<T>) {}
    app.on("session", session::<T>);
    app.manage(state);
    app.on_connect(on_connect);
    app.namespace("/chat").on_connect(on_connect);
    app.on("x", handler);
    let namespace: &mut Namespace = app.any_namespace();
    namespace.middleware(middleware);
}

fn parameters<T, A, B>(app: &mut App)
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
    A: DeserializeOwned + Send + 'static,
    B: DeserializeOwned + Send + 'static,
{
    app.on("one", |data: T| drop(data));
    app.on("two", |a: A, b: B| drop((a, b)));
    app.on("state", |_: State<T>| {});
    app.on("extension", |_: Extension<T>| {});
    app.on("socket", |socket: Socket| {
        println!("{} {}", socket.session::<T>().get().is_some(), socket.extension::<T>().is_some());
    });
}

async fn sending<T: DeserializeOwned>(
    (socket, io): (&Socket, &Io),
    (data, id, d): (&Value, &str, Duration),
) -> Result<(T, T), AckError> {
    socket.emit("x", &data)?;
    println!("{:?} {:?}", io.of("/chat"), io.local().socket(id));
    println!("{:?}", io.emit_with_ack("x", &data, d).stream()?);
    Ok((socket.call::<T>("x", &data).await?, socket.call_within::<T>("x", &data, d).await?))
}

fn set_up(app: App) {
    let server = Server::new(app);
    println!("{:?}", server.layer());
}
