//! What tests of clusters have in common.

use sansocket_app::test::{TestClient, TestCluster, TestServer};
use sansocket_app::{App, Format, Socket};

/// The formats that have words for everything.
pub(super) const RICH: [Format; 4] =
    [Format::Native, Format::Classic, Format::Sharded, Format::Streams];

/// All formats.
pub(super) const ALL: [Format; 5] =
    [Format::Native, Format::Classic, Format::Sharded, Format::Streams, Format::Python];

/// An application whose clients join rooms.
pub(super) fn app() -> App {
    let mut app = App::new();
    app.on("join", |socket: Socket, room: String| socket.join(room));
    app.on("rooms", |socket: Socket| {
        let mut rooms = socket.rooms();
        rooms.sort();
        (rooms,)
    });
    app.namespace("/chat").on("join", |socket: Socket, room: String| socket.join(room));
    app
}

/// Two servers of a cluster, the second with several shards.
pub(super) fn two(format: Format) -> (TestCluster, TestServer, TestServer) {
    let cluster = TestCluster::with_format(format);
    let (here, there) = (cluster.server(app()), cluster.server_with_shards(app(), 3));
    (cluster, here, there)
}

/// A client in a room.
pub(super) fn member(server: &TestServer, room: &str) -> TestClient {
    let client = server.connect().expect("everybody is let in");
    assert_eq!(client.call("join", room), Ok(true));
    client
}

/// What a client got since it was asked last, as numbers.
pub(super) fn numbers(client: &TestClient) -> Vec<u32> {
    client.get_received().iter().map(|event| event.decode().expect("a number")).collect()
}
