//! The pages of the examples, and the JavaScript client they use.

use sansocket_app::Files;
use std::path::{Path, PathBuf};

/// The page of an example at `/`, and what all of them share: a style sheet, a script that connects,
/// and the JavaScript client, once `npm ci` in `examples/chat` has brought it.
#[must_use]
pub fn files(example: &str) -> Files {
    let library = "chat/node_modules/socket.io-client/dist/socket.io.min.js";
    Files::new()
        .map("/", folder(example))
        .map("/client.js", folder("pages/client.js"))
        .map("/style.css", folder("pages/style.css"))
        .map("/socket.io.js", folder(library))
}

/// A path below the folder of the examples.
#[must_use]
pub fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
