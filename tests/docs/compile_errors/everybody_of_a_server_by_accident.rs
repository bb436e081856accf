//! no method named `disconnect` found for reference `&Server`

use sansocket_blocking::Server;

pub fn stop(server: &Server) {
    server.disconnect();
}
