//! The floor on tokio: one thread, one task per connection.

use floors::{Mode, Then, Wire};
use std::cell::RefCell;
use std::io::{ErrorKind, Result};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let (port, mode) = floors::options();
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        println!("listening on http://{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(serve(stream, mode));
        }
    })
}

async fn serve(stream: TcpStream, mode: Mode) {
    let stream = Arc::new(stream);
    if mode == Mode::Broadcast {
        MEMBERS.with_borrow_mut(|members| members.push(stream.clone()));
    }
    let _ended = run(&stream, mode).await;
    MEMBERS.with_borrow_mut(|members| members.retain(|member| !Arc::ptr_eq(member, &stream)));
}

async fn run(stream: &TcpStream, mode: Mode) -> Result<()> {
    let mut wire = Wire::default();
    loop {
        stream.readable().await?;
        match turn(stream, mode, &mut wire) {
            Ok(Turn::Answered(Then::Close)) => return Ok(()),
            Ok(Turn::Answered(_)) => {}
            Ok(Turn::Fan(bytes)) => {
                let mut index = 0;
                while let Some(member) = MEMBERS.with_borrow(|all| all.get(index).cloned()) {
                    send(&member, &bytes).await?;
                    index += 1;
                }
            }
            Ok(Turn::Unsent(bytes)) => send(stream, &bytes).await?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

enum Turn {
    Answered(Then),
    Fan(Vec<u8>),
    /// The socket did not take these.
    Unsent(Vec<u8>),
}

/// One read, and one write if the reply goes where the read came from.
fn turn(stream: &TcpStream, mode: Mode, wire: &mut Wire) -> Result<Turn> {
    SCRATCH.with_borrow_mut(|(scratch, out)| {
        let kept = wire.rest.len();
        scratch[..kept].copy_from_slice(&wire.rest);
        let read = stream.try_read(&mut scratch[kept..])?;
        if read == 0 {
            return Ok(Turn::Answered(Then::Close));
        }
        out.clear();
        let then = wire.handle(mode, &mut scratch[..kept + read], out);
        if then == Then::Fan {
            return Ok(Turn::Fan(out.clone()));
        }
        let sent = if out.is_empty() { 0 } else { sent(stream.try_write(out))? };
        Ok(if sent < out.len() { Turn::Unsent(out[sent..].to_vec()) } else { Turn::Answered(then) })
    })
}

async fn send(stream: &TcpStream, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        bytes = &bytes[sent(stream.try_write(bytes))?..];
        if !bytes.is_empty() {
            stream.writable().await?;
        }
    }
    Ok(())
}

fn sent(result: Result<usize>) -> Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

thread_local! {
    static SCRATCH: RefCell<(Vec<u8>, Vec<u8>)> = RefCell::new((vec![0; 1 << 18], Vec::new()));
    static MEMBERS: RefCell<Vec<Arc<TcpStream>>> = const { RefCell::new(Vec::new()) };
}
