//! The `tower` layer and service, behind hyper and axum.

mod behind_axum;
mod http2_attacks;
mod layer;
mod plain_requests;
