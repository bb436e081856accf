//! What byte streams are promised, whatever happens on them: by a server on a binding without sockets,
//! under a clock that only moves when a test says so.

mod backpressure;
mod budget;
mod bursts;
mod cables;
mod cancel;
mod copies;
mod deadlines;
mod files;
mod gate;
mod headers;
mod leaks;
mod life;
mod logs;
mod pace;
mod pipelining;
mod refused;
mod stage;
mod tunnels;
