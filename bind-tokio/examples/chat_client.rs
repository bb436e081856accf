//! The chat in a terminal, on tokio: it talks to the page of the example `chat`.
//!
//! `cargo run -p sansocket-tokio --example chat_client NAME [URL]`, with the address that `examples/chat/run` prints.
//! A line is a message, `/room NAME` goes to another room, and the end of the input ends the program.

use examples::chat_client::{Room, client, take};
use std::error::Error;
use tokio::sync::mpsc;

/// Where the chat is, when no address is given.
const HERE: &str = "http://127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("give a name, and perhaps the address of the chat")?;
    let url = arguments.next().unwrap_or_else(|| HERE.into());
    let room = Room::default();
    let socket = sansocket_tokio::connect(client(&url, name, room.clone())?).await?;
    let mut lines = lines();
    while let Some(line) = lines.recv().await {
        take(&socket, &room, &line).await?;
    }
    socket.disconnect().await;
    Ok(())
}

/// The lines of the standard input, which are read on a thread that the runtime does not wait for.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let read = std::io::stdin().lines().map_while(Result::ok);
        let mut read = read.filter(|line| !line.trim().is_empty());
        while read.next().is_some_and(|line| sender.blocking_send(line).is_ok()) {}
    });
    lines
}
