//! Handlers, the values they take and return, namespaces and classes.

pub(crate) mod call;
pub(crate) mod class;
pub(crate) mod connect;
pub(crate) mod disconnect;
pub(crate) mod entrance;
pub(crate) mod extension;
pub(crate) mod extract;
pub(crate) mod function;
pub(crate) mod handler;
pub(crate) mod namespace;
pub(crate) mod needs;
pub(crate) mod order;
pub(crate) mod pattern;
pub(crate) mod refusal;
pub(crate) mod reply;
pub(crate) mod server;
pub(crate) mod state;
pub(crate) mod table;
