//! cannot answer HTTP requests
//! it returns a text, a `StatusCode`, both in a tuple, an `http::Response`

use sansocket_app::{App, Bytes, http};

pub fn app(app: &mut App) {
    app.fallback(|_: http::Request<Bytes>| 404);
}
