//! The simulator: a process of several shards, its network and its clients, in one thread and under
//! one clock that only moves when a test says so.
//!
//! A test reads like the protocol:
//!
//! ```
//! use testbed::Sim;
//!
//! let mut sim = Sim::new();
//! let mut client = sim.polling();
//! client.post("40");
//! assert_eq!(client.poll(), r#"40{"sid":"…"}"#);
//! assert_eq!(sim.events(), ["connect 1 /"]);
//! ```

mod app;
mod http;
mod net;
mod pack;
pub mod pair;
mod polling;
mod process;
pub mod requests;
pub mod script;
mod sim;
mod tcp;
mod trace;
mod websocket;
mod webtransport;

pub use app::App;
pub use http::{Answer, NO_FIELDS, UPGRADE, binary_request, handshake, request, upgrade};
pub use pack::{packed, packed_event};
pub use polling::Polling;
pub use process::Process;
pub use sim::{Member, Sim};
pub use tcp::Tcp;
pub use trace::{Question, normal};
pub use websocket::{Item, WebSocket, frame, unframe};
pub use webtransport::{WebTransport, packet};
