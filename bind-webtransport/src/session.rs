//! One session: its `CONNECT`, its stream, its end.

use sansocket_app::Caller;
use sansocket_app::bind::{Carry, Connection, Hub};
use sansocket_app::http::request::Parts;
use sansocket_app::http::{Method, Request, Version};
use std::sync::Arc;
use tokio::time::timeout;
use web_transport_quinn::{self as web, quinn};

use crate::stream::Stream;

/// Serves one client until its session is over; one that takes too long to open its stream is given up.
pub(crate) async fn serve(hub: Arc<Hub>, incoming: quinn::Incoming) {
    let patience = hub.limits().head_time;
    let Ok(Some(opened)) = timeout(patience, open(&hub, incoming)).await else { return };
    let Opened { session, stream, head, caller } = opened;
    Carry::new(stream, Connection::webtransport(hub, head, caller)).await;
    session.close(0, b"");
    // Until the peer has heard of it; the session sets a time for that.
    session.closed().await;
}

/// A session whose stream is there.
struct Opened {
    session: web::Session,
    stream: Stream,
    head: Parts,
    caller: Caller,
}

/// Accepts a session and its stream, if the session is for the server.
async fn open(hub: &Hub, incoming: quinn::Incoming) -> Option<Opened> {
    let mut caller = Caller::default();
    caller.peer = Some(incoming.remote_address());
    caller.secure = true;
    let request = web::Request::accept(incoming.await.ok()?).await.ok()?;
    let head = head_of(&request)?;
    if let Err(status) = hub.judge_webtransport(&head) {
        let connection = request.conn().clone();
        request.reject(status).await.ok()?;
        // The answer is heard before the connection ends: the client ends it.
        connection.closed().await;
        return None;
    }
    let session = request.ok().await.ok()?;
    let (send, receive) = session.accept_bi().await.ok()?;
    Some(Opened { session, stream: Stream::new(send, receive), head, caller })
}

/// The head of a `CONNECT`, without what names the protocol.
fn head_of(request: &web::Request) -> Option<Parts> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::CONNECT;
    head.version = Version::HTTP_3;
    head.uri = request.url.as_str().parse().ok()?;
    head.headers = request.headers.clone();
    Some(head)
}
