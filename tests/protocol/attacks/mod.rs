//! Attacks that hit Socket.IO servers before, by their numbers in SECURITY.md: parsers (A, B), sessions
//! (C), frames (D) and HTTP (E). Other clients do not notice, nothing grows, the reason has a name, and
//! nothing is left.

mod frame;
mod http;
mod msgpack;
mod parser;
mod session;
mod siege;
