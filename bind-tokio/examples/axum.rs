//! Socket.IO in front of an axum router: a page, a REST route that emits, and one port for all.
//!
//! Open the printed address in a browser, then
//! `curl --data 'The kitchen closes at ten' http://127.0.0.1:3000/announce`.

#[path = "serve/process.rs"]
mod process;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use examples::options::Options;
use sansocket_tokio::{App, Config, Extension, Server, Socket};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// What middleware knows of a request, and handlers of Socket.IO want to know.
#[derive(Clone)]
struct House(&'static str);

fn main() -> std::io::Result<()> {
    let options = Options::read(3000, Config::default());
    process::runtime(options.threads)?.block_on(async {
        let listener = TcpListener::bind((options.host.as_str(), options.port)).await?;
        let stop = process::stop_signal();
        println!("listening on http://{}", listener.local_addr()?);
        let server = Server::new(app(options.config));
        let stopping = server.io();
        let service = router(&server).into_make_service_with_connect_info::<SocketAddr>();
        let listener = listener.tap_io(|stream| {
            // Latency matters more than the number of packets; a failure only costs that.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, service)
            .with_graceful_shutdown(async move {
                stop.await;
                stopping.stop();
            })
            .await?;
        server.ended().await;
        Ok(())
    })
}

fn app(config: Config) -> App {
    let mut app = App::with_config(config);
    app.on_connect(|socket: Socket| {
        let house = socket.extension().map_or("nowhere", |House(name)| name);
        let _ = socket.emit("announcement", &format!("Welcome to the {house}"));
    });
    app.on("where", |Extension(House(name))| name);
    app
}

fn router(server: &Server) -> Router {
    let peer = |head: &axum::http::request::Parts| {
        head.extensions.get().map(|ConnectInfo(peer): &ConnectInfo<SocketAddr>| *peer)
    };
    let announcing = server.io();
    let announce = move |text: String| async move {
        match announcing.emit("announcement", &text) {
            Ok(()) => StatusCode::ACCEPTED,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    };
    Router::new()
        .route("/", get(Html(PAGE)))
        .route("/announce", post(announce))
        .layer(server.layer().peer(peer))
        // Outside of the layer, so that it comes before it.
        .layer(axum::Extension(House("Blue House")))
}

const PAGE: &str = r#"<!doctype html>
<title>Announcements</title>
<ul id="list"></ul>
<script src="https://cdn.jsdelivr.net/npm/socket.io-client@4/dist/socket.io.min.js"></script>
<script>
  io().on("announcement", (text) => {
    const item = document.createElement("li");
    item.textContent = text;
    document.getElementById("list").append(item);
  });
</script>
"#;
