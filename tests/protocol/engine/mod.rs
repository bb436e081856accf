//! Engine.IO: how sessions open, move to WebSocket, stay alive and end.

mod bare;
mod close;
mod handshake;
mod heartbeat;
mod jsonp;
mod node_name;
mod own_sid;
mod pause;
mod polling;
mod roles;
mod upgrade;
mod v3;
mod websocket;
mod webtransport;
