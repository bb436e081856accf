//! WebSocket alone, as a client: every message goes back. The cases of a server of the Autobahn test suite, one
//! after the other.
//!
//! ```sh
//! cargo run --example ws_client -- 127.0.0.1:9001
//! ```

use examples::ws_echo::Echo;
use std::env;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::TcpStream;

fn main() -> io::Result<()> {
    let host = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let cases = run(&host, "/getCaseCount")?;
    for case in 1..=cases.parse().map_err(io::Error::other)? {
        let _: String = run(&host, &format!("/runCase?case={case}&agent=sansocket"))?;
    }
    let _: String = run(&host, "/updateReports?agent=sansocket")?;
    println!("{cases} cases");
    Ok(())
}

/// Sends back what the server sends until it closes, and returns the last text of it.
fn run(host: &str, target: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    // A real client draws these from the operating system.
    let mut echo = Echo::asking(host, target, [7; 32]);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = echo.poll_write(&mut slices);
            if filled == 0 {
                break;
            }
            match stream.write_vectored(&slices[..filled]) {
                Ok(n) => echo.wrote(n),
                Err(_) => return Ok(echo.last().into()),
            }
        }
        if echo.is_finished() {
            return Ok(echo.last().into());
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return Ok(echo.last().into()),
            Ok(n) => echo.read(&mut buffer[..n]),
        }
    }
}
