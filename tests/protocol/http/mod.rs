//! HTTP: requests that are read, answers that are written, and pages that may read them.

mod bodies;
mod chunking;
mod compression;
mod cors;
mod half_close;
mod requests;
