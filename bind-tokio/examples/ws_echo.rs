//! WebSocket alone on tokio: every message comes back.

#[path = "serve/process.rs"]
mod process;

use examples::options::Options;
use examples::ws_echo::Echo;
use sansocket_tokio::Config;
use std::io::{self, ErrorKind, IoSlice};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

fn main() -> io::Result<()> {
    let options = Options::read(3001, Config::default());
    process::runtime(options.threads)?.block_on(async {
        let listener = TcpListener::bind((options.host.as_str(), options.port)).await?;
        let stop = process::stop_signal();
        println!("listening on http://{}", listener.local_addr()?);
        tokio::select! {
            () = accept(listener) => {}
            () = stop => {}
        }
        Ok(())
    })
}

async fn accept(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream))),
            // Out of file descriptors, most likely: some will be free in a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Reads, then writes all answers, until one of both ends is done.
async fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut echo = Echo::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        write(&stream, &mut echo).await?;
        if echo.is_finished() {
            return Ok(());
        }
        let n = match echo.is_closing() {
            true => timeout(PATIENCE, read(&stream, &mut buffer)).await??,
            false => read(&stream, &mut buffer).await?,
        };
        if n == 0 {
            return Ok(());
        }
        echo.read(&mut buffer[..n]);
    }
}

/// How long a peer may take for its farewell.
const PATIENCE: Duration = Duration::from_secs(3);

async fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

async fn write(stream: &TcpStream, echo: &mut Echo) -> io::Result<()> {
    loop {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = echo.poll_write(&mut slices);
        if filled == 0 {
            return Ok(());
        }
        stream.writable().await?;
        match stream.try_write_vectored(&slices[..filled]) {
            Ok(n) => echo.wrote(n),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
