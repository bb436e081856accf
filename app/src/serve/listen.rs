//! Listeners for clients: addresses, socket files and inherited sockets.

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use crate::serve::tls::Tls;

#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(unix)]
use std::path::Path;

#[cfg(unix)]
mod file;
#[cfg(test)]
mod tests;

#[cfg(unix)]
pub use file::SocketFile;

/// Something clients connect to, without blocking and without a runtime.
///
/// A binding either calls [`accept`](Self::accept) whenever the listener is readable or
/// [takes it apart](Self::into_parts) for its runtime.
#[derive(Debug)]
pub struct Listener {
    inner: Inner,
    address: Address,
    tls: Option<Tls>,
    #[cfg(unix)]
    file: Option<SocketFile>,
}

/// The listener of the standard library inside a [`Listener`]; it does not block.
#[derive(Debug)]
pub enum Inner {
    /// Listens on an IP address.
    Tcp(TcpListener),
    /// Listens on a socket file or an abstract name.
    #[cfg(unix)]
    Unix(UnixListener),
}

/// What a [`Listener`] consists of.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts {
    /// The listener; it does not block.
    pub inner: Inner,
    /// Where it listens.
    pub address: Address,
    /// What encrypts its streams, if anything.
    pub tls: Option<Tls>,
    /// Removes the socket file when dropped: keep it for as long as the listener.
    #[cfg(unix)]
    pub file: Option<SocketFile>,
}

/// Where a [`Listener`] listens; displays as `http://…`, `https://…` or `unix:…`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// TCP in the clear.
    Http(SocketAddr),
    /// TCP with TLS.
    Https(SocketAddr),
    /// A socket file; the empty path when the socket has an abstract name.
    Unix(PathBuf),
}

/// A stream that was just accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The stream; it does not block.
    pub stream: Stream,
    /// The address of the peer; none for a Unix socket.
    pub peer: Option<SocketAddr>,
}

/// A stream of bytes to one client; it does not block.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP, sent without delay (`TCP_NODELAY`).
    Tcp(TcpStream),
    /// Over a Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Listener {
    /// Listens on an IP address and port; port 0 lets the operating system choose one.
    ///
    /// Up to 1024 connections wait to be accepted. A name with several addresses takes the first
    /// one that works.
    ///
    /// # Errors
    /// When the address is not known, not one of this machine, in use or not permitted.
    pub fn tcp(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::first(address, |_| Ok(()))
    }

    /// Listens on an IP address and port together with other listeners made by this function, in
    /// this process or in others of the same user (`SO_REUSEPORT`).
    ///
    /// On Linux the kernel spreads new connections over them.
    ///
    /// # Errors
    /// As [`tcp`](Self::tcp).
    #[cfg(unix)]
    pub fn tcp_shared(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::first(address, |socket| socket.set_reuse_port(true))
    }

    /// Listens on a socket file, which is removed when the listener is dropped.
    ///
    /// A socket file without a listener is replaced: it was left by a process that was killed.
    /// The permissions of the file and its folder decide which users may connect.
    ///
    /// # Errors
    /// When a process listens there, when the path holds something that is not a socket, or when it
    /// cannot be created.
    #[cfg(unix)]
    pub fn unix(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let socket = file::bind(path).map_err(|error| explain(&path.display(), error))?;
        socket.listen(BACKLOG)?;
        let mut listener = Self::try_from(UnixListener::from(socket))?;
        listener.file = Some(SocketFile::new(path)?);
        Ok(listener)
    }

    /// Takes the listeners a service manager opened for this process, as systemd does
    /// (`LISTEN_FDS`, `LISTEN_PID`); none when there are none.
    ///
    /// Call it once, before threads are started: it removes these variables from the environment.
    ///
    /// # Errors
    /// When one of them is neither a TCP nor a Unix stream socket.
    pub fn inherited() -> io::Result<Vec<Self>> {
        let mut handed = ListenFd::from_env();
        (0..handed.len()).map(|index| inherit(&mut handed, index)).collect()
    }

    /// Encrypts the streams of this listener.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        if let Address::Http(address) = self.address {
            self.address = Address::Https(address);
        }
        self.tls = Some(tls);
        self
    }

    /// Accepts the next stream; `WouldBlock` when none waits.
    ///
    /// # Errors
    /// Those of the operating system; [`pause_after`] tells how to go on.
    pub fn accept(&self) -> io::Result<Accepted> {
        match &self.inner {
            Inner::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                // Latency matters more than the number of packets; a failure only costs that.
                let _ = stream.set_nodelay(true);
                Ok(Accepted { stream: Stream::Tcp(stream), peer: Some(peer) })
            }
            #[cfg(unix)]
            Inner::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok(Accepted { stream: Stream::Unix(stream), peer: None })
            }
        }
    }

    /// Where it listens, with the port the operating system chose.
    #[must_use]
    pub fn local_addr(&self) -> &Address {
        &self.address
    }

    /// What encrypts its streams, if anything.
    #[must_use]
    pub fn encryption(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Takes it apart, for a runtime that has listeners of its own.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        Parts {
            inner: self.inner,
            address: self.address,
            tls: self.tls,
            #[cfg(unix)]
            file: self.file,
        }
    }

    fn first(
        address: impl ToSocketAddrs,
        prepare: impl Fn(&Socket) -> io::Result<()>,
    ) -> io::Result<Self> {
        let mut failure = None;
        for address in address.to_socket_addrs()? {
            match bind(address, &prepare) {
                Ok(listener) => return Self::try_from(listener),
                Err(error) => failure = Some(explain(&address, error)),
            }
        }
        Err(failure.unwrap_or_else(|| {
            io::Error::new(ErrorKind::InvalidInput, "the name to listen on has no address")
        }))
    }

    #[cfg(unix)]
    fn new(inner: Inner, address: Address) -> Self {
        Self { inner, address, tls: None, file: None }
    }

    #[cfg(not(unix))]
    fn new(inner: Inner, address: Address) -> Self {
        Self { inner, address, tls: None }
    }
}

impl TryFrom<TcpListener> for Listener {
    type Error = io::Error;

    /// Takes a bound listener and makes it non-blocking.
    fn try_from(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = Address::Http(listener.local_addr()?);
        Ok(Self::new(Inner::Tcp(listener), address))
    }
}

#[cfg(unix)]
impl TryFrom<UnixListener> for Listener {
    type Error = io::Error;

    /// Takes a bound listener and makes it non-blocking; its socket file stays when it is dropped.
    fn try_from(listener: UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let name = listener.local_addr()?;
        let path = name.as_pathname().unwrap_or_else(|| Path::new(""));
        let address = Address::Unix(path.to_owned());
        Ok(Self::new(Inner::Unix(listener), address))
    }
}

impl Address {
    /// The IP address and port, unless it is a socket file.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Http(address) | Self::Https(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(address) => write!(f, "http://{address}"),
            Self::Https(address) => write!(f, "https://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How long to wait before accepting again after [`Listener::accept`] failed.
///
/// `None` means at once (after `WouldBlock`: once the listener is readable): the failure was that
/// of one connection, whose client left before it was accepted. Everything else gets a tenth of a
/// second. It is mostly a lack of file descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`,
/// `ENOMEM`), which passes when others close; the connection still waits, so the listener stays
/// readable and a loop without a pause would spin.
#[must_use]
pub fn pause_after(error: &io::Error) -> Option<Duration> {
    let passing = matches!(
        error.kind(),
        ErrorKind::WouldBlock
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            // Linux reports network errors of the new connection here, accept(2).
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            // A firewall refused it.
            | ErrorKind::PermissionDenied
    );
    if passing { None } else { Some(PAUSE) }
}

const PAUSE: Duration = Duration::from_millis(100);

/// Connections that may wait to be accepted; what a reconnecting crowd needs.
const BACKLOG: i32 = 1024;

fn bind(
    address: SocketAddr,
    prepare: impl Fn(&Socket) -> io::Result<()>,
) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    reuse(&socket)?;
    prepare(&socket)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Lets a restarted server have its port while connections of the previous one linger.
#[cfg(unix)]
fn reuse(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Does nothing: on Windows the option would let two programs listen on one port.
#[cfg(not(unix))]
fn reuse(_: &Socket) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn inherit(handed: &mut ListenFd, index: usize) -> io::Result<Listener> {
    if let Ok(Some(listener)) = handed.take_unix_listener(index) {
        return listener.try_into();
    }
    inherit_tcp(handed, index)
}

#[cfg(not(unix))]
fn inherit(handed: &mut ListenFd, index: usize) -> io::Result<Listener> {
    inherit_tcp(handed, index)
}

fn inherit_tcp(handed: &mut ListenFd, index: usize) -> io::Result<Listener> {
    let missing = || io::Error::new(ErrorKind::InvalidInput, "an inherited socket was taken");
    handed.take_tcp_listener(index)?.ok_or_else(missing)?.try_into()
}

/// Says where listening failed and what helps.
fn explain(place: &dyn fmt::Display, error: io::Error) -> io::Error {
    let kind = error.kind();
    let advice = if kind == ErrorKind::AddrInUse {
        "another program, or another run of this one, listens there: stop it or choose another"
    } else if kind == ErrorKind::AddrNotAvailable {
        "it is no address of this machine: use 127.0.0.1, 0.0.0.0 or [::]"
    } else if kind == ErrorKind::PermissionDenied {
        "this user may not listen there: ports below 1024 need a privilege, a socket file needs a \
         folder that can be written"
    } else {
        return io::Error::new(kind, format!("cannot listen on {place}: {error}"));
    };
    io::Error::new(kind, format!("cannot listen on {place}: {error}; {advice}"))
}
