//! What the tables of the pages say, compiled: each line stands in a function for its section. The
//! test in `snippets.rs` finds it here, or in one of the programs of the pages.

mod clients;
mod flask;
mod javascript;
mod pages;
mod socketioxide;
