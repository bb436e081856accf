//! The floor on tokio: one thread, one task per connection.

use floors::{Mode, Then, Wire};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
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
    let (reader, writer) = stream.into_split();
    if mode == Mode::Broadcast {
        let writer = Arc::new(writer);
        MEMBERS.with_borrow_mut(|members| members.push(writer.clone()));
        let _ended = run(reader, mode).await;
        MEMBERS.with_borrow_mut(|members| members.retain(|member| !Arc::ptr_eq(member, &writer)));
    } else {
        writer.forget();
        let _ended = run(reader, mode).await;
    }
}

async fn run(mut reader: OwnedReadHalf, mode: Mode) -> Result<()> {
    let mut wire = Wire::default();
    loop {
        match poll_fn(|cx| turn(&mut reader, mode, &mut wire, cx)).await? {
            Turn::Answered(Then::Close) => return Ok(()),
            Turn::Answered(_) => {}
            Turn::Fan(bytes) => {
                let mut index = 0;
                while let Some(member) = MEMBERS.with_borrow(|all| all.get(index).cloned()) {
                    send(member.as_ref().as_ref(), &bytes).await?;
                    index += 1;
                }
            }
            Turn::Unsent(bytes) => send(reader.as_ref(), &bytes).await?,
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
fn turn(
    reader: &mut OwnedReadHalf,
    mode: Mode,
    wire: &mut Wire,
    cx: &mut Context<'_>,
) -> Poll<Result<Turn>> {
    SCRATCH.with_borrow_mut(|(scratch, out)| {
        let kept = wire.rest.len();
        scratch[..kept].copy_from_slice(&wire.rest);
        let mut buffer = ReadBuf::new(&mut scratch[kept..]);
        ready!(Pin::new(&mut *reader).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        if read == 0 {
            return Poll::Ready(Ok(Turn::Answered(Then::Close)));
        }
        out.clear();
        let then = wire.handle(mode, &mut scratch[..kept + read], out);
        if then == Then::Fan {
            return Poll::Ready(Ok(Turn::Fan(out.clone())));
        }
        let stream: &TcpStream = reader.as_ref();
        let sent = if out.is_empty() { 0 } else { sent(stream.try_write(out))? };
        let turn = if sent < out.len() {
            Turn::Unsent(out[sent..].to_vec())
        } else {
            Turn::Answered(then)
        };
        Poll::Ready(Ok(turn))
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
    static MEMBERS: RefCell<Vec<Arc<OwnedWriteHalf>>> = const { RefCell::new(Vec::new()) };
}
