//! The chat in a terminal, on tokio: `terminal_chat URL NAME [ROOM]`.

use examples::terminal_chat::Terminal;
use sansocket_tokio::BoxError;
use std::io::stdin;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (url, name, room) = match args[..] {
        [url, name] => (url, name, "lobby"),
        [url, name, room] => (url, name, room),
        _ => return Err("usage: terminal_chat URL NAME [ROOM]".into()),
    };
    let terminal = Terminal::new(name, room, |line| println!("{line}"));
    let socket = sansocket_tokio::connect(terminal.client(url)?).await?;
    let talking = socket.clone();
    let lines = move || terminal.talk(&talking, stdin().lines().map_while(Result::ok));
    tokio::task::spawn_blocking(lines).await??;
    socket.disconnect().await;
    Ok(())
}
