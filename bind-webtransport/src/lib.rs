//! WebTransport for Socket.IO servers on tokio.
//!
//! Browsers that have WebTransport open one stream over HTTP/3 for a session, from the start or as an upgrade
//! from polling. An [`Endpoint`] takes such sessions in for a [`Server`](sansocket_tokio::Server) of
//! `sansocket-tokio`: with the same handlers, namespaces and rooms as clients on its other listeners have.
//!
//! ```no_run
//! use sansocket_tokio::{App, Config, Server};
//! use sansocket_webtransport::{Certificate, Endpoint};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut config = Config::default();
//!     config.transports.webtransport = true; // clients are told of it
//!     let mut app = App::with_config(config);
//!     app.on("add", |a: i64, b: i64| a + b);
//!     let server = Server::new(app);
//!     let certificate = Certificate::from_pem_files("certificate.pem", "key.pem")?;
//!     let endpoint = Endpoint::bind("0.0.0.0:443", &certificate)?;
//!     tokio::try_join!(server.serve("0.0.0.0:443"), endpoint.serve(&server))?;
//!     Ok(())
//! }
//! ```
//!
//! Clients use the port of the page for both, so the UDP port of the endpoint has the number of the TCP port
//! of the listener. In the JavaScript client, WebTransport is named among `transports`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod certificate;
mod endpoint;
mod session;
mod stream;

pub use certificate::{Certificate, CertificateError};
pub use endpoint::Endpoint;

/// Compiles the example of the page.
#[cfg(doctest)]
#[doc = include_str!("../../docs/webtransport.md")]
struct Page;
