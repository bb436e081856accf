//! The contract server in front of an axum router.

#[path = "serve/process.rs"]
mod process;

use axum::Router;
use axum::routing::get;
use examples::contract;
use examples::options::Options;
use sansocket_tokio::Server;
use tokio::net::TcpListener;

fn main() -> std::io::Result<()> {
    let options = Options::read(5000, contract::config());
    process::runtime(options.threads)?.block_on(async {
        let listener = TcpListener::bind((options.host.as_str(), options.port)).await?;
        let stop = process::stop_signal();
        println!("listening on http://{}", listener.local_addr()?);
        let server = Server::new(contract::events(options.config, &options.bus));
        let stopping = server.io();
        let router = Router::new().route("/health", get("ok")).layer(server.layer());
        axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                stop.await;
                stopping.stop();
            })
            .await?;
        server.ended().await;
        Ok(())
    })
}
