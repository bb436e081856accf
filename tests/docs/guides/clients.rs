//! `docs/clients.md` and `docs/from-other-clients.md`

use sansocket_app::bind::BoxWire;
use sansocket_app::client::{
    AckError, Backoff, Client, ConnectError, EmitError, Endpoint, Kind, Manager, Proxies,
    ProxiesError, Refused, Socket, Timestamps, Transport,
};
use sansocket_app::{BoxError, Events, NamespaceClass, concurrent};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn settings(client: &mut Client, path: &str) {
    client.configure(|config| {
        config.transports = vec![Transport::WebSocket];
        config.upgrade = true;
        config.remember_upgrade = true;
        config.try_all = true;
        config.cookies = true;
        config.timeout = Duration::from_secs(5);
        config.retries = None;
        config.reconnect = Some(Backoff::default());
        config.timestamps = Timestamps::All;
        config.path = path.to_owned();
    });
}

fn handlers(client: &mut Client, auth: &Value) -> Result<(), ProxiesError> {
    client.on("said", |who: String, text: String| println!("{who}: {text}"));
    client.on("x", concurrent(async || ()));
    client.on_any(|text: String| println!("{text}"));
    client.on_sent(|_, message| println!("{}", message.name()));
    client.packet_middleware(|_, message| {
        println!("{}", message.name());
        Ok::<_, BoxError>(())
    });
    client.header("x-app", "a");
    client.query("v", "2");
    client.auth(auth);
    client.auth_with(async || Ok::<_, BoxError>(Value::Null));
    client.before_attempt(async |manager: Manager| {
        manager.configure(|config| config.headers.clear())
    });
    client.on_event(|event| println!("{event:?}"));
    client.namespace("/a").on("x", || ());
    client.proxies(Proxies::all("socks5h://127.0.0.1:9050")?);
    Ok(())
}

#[cfg(unix)]
fn ways(client: &mut Client, path: &Path) {
    client.unix_socket(path);
}

async fn sending<R: DeserializeOwned>(
    (socket, client): (&Socket, &mut Client),
    a: &Value,
    time: Duration,
) -> Result<R, AckError> {
    let open = async |_: Arc<Endpoint>| Err::<BoxWire, BoxError>("not today".into());
    client.connector(open);
    let data = a;
    socket.emit("x", &(1, 2))?;
    socket.emit_volatile("x", a)?;
    let f = drop;
    socket.emit_then("x", data, time, f)?;
    drop(socket.emit_with_ack("x", a, time).await?);
    socket.call_within::<R>("x", data, time).await?;
    println!("{:?} {}", socket.id(), socket.waiting());
    println!("{:?} {:?}", socket.transport(), socket.take_waiting());
    println!("{} {} {}", socket.is_active(), socket.is_connected(), socket.is_recovered());
    socket.handlers(|space| {
        space.off("x");
    });
    socket.set_auth(a)?;
    socket.clear_auth();
    socket.call_within::<R>("x", a, time).await
}

async fn ends(socket: &Socket, manager: &Manager, time: Duration) -> Result<(), BoxError> {
    manager.of("/admin")?.connect().await?;
    manager.of("/b")?.connect().patiently().await?;
    manager.spawn(manager.sleep(time));
    manager.network_changed();
    println!("{:?}", socket.manager());
    socket.disconnect().await;
    manager.close().await;
    manager.closed().await;
    Ok(())
}

fn refused<T: DeserializeOwned + std::fmt::Debug>(error: &ConnectError, sent: &EmitError) -> bool {
    println!("{:?}", error.data::<T>());
    let _ = AckError::Disconnected;
    matches!(sent, EmitError::Refused(Refused::TooLarge { .. })) || error.kind() == Kind::Refused
}

fn starting(url: &str) -> Result<(), BoxError> {
    let client = Client::new(url)?;
    let connect = sansocket_tokio::connect;
    drop(connect(client).patiently());
    let connect_simply = sansocket_tokio::connect_simply;
    let client = Client::new(url)?;
    drop(connect_simply(client));
    let client = Client::new(url)?;
    let open = sansocket_blocking::open;
    open(client).connect().patiently().wait()?;
    Ok(())
}

struct Chat;

impl NamespaceClass<Socket> for Chat {
    fn register(_: &mut Events<'_, Self, Socket>) {}
}
