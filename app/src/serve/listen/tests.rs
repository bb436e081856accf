use super::{Accepted, Address, Inner, Listener, Stream, pause_after};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use std::env;
#[cfg(unix)]
use std::fs;
#[cfg(unix)]
use std::os::fd::OwnedFd;
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
#[cfg(unix)]
use std::process::{Command, Stdio};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Accepts the stream that was just connected; the kernel may take a moment to queue it.
fn accept(listener: &Listener) -> Accepted {
    loop {
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            accepted => return accepted.expect("a client connected"),
        }
    }
}

fn port(listener: &Listener) -> SocketAddr {
    listener.local_addr().tcp().expect("listens on TCP")
}

#[test]
fn neither_accepting_nor_reading_blocks() {
    let listener = Listener::tcp(ANY).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut client = TcpStream::connect(port(&listener)).unwrap();
    let Accepted { mut stream, peer } = accept(&listener);
    assert_eq!(peer, Some(client.local_addr().unwrap()));
    assert_eq!(stream.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    stream.write_all(b"hello").unwrap();
    let mut got = [0; 5];
    client.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"hello");
}

#[test]
fn streams_send_without_delay() {
    let listener = Listener::tcp(ANY).unwrap();
    let _client = TcpStream::connect(port(&listener)).unwrap();
    let Stream::Tcp(stream) = accept(&listener).stream else { panic!("not TCP") };
    assert!(stream.nodelay().unwrap());
}

#[test]
fn an_address_in_use_is_named() {
    let first = Listener::tcp(ANY).unwrap();
    let address = port(&first);
    let error = Listener::tcp(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(error.to_string().contains("choose another"), "{error}");
}

#[test]
fn an_address_of_another_machine_is_explained() {
    // TEST-NET-1 of RFC 5737, which no interface has.
    let error = Listener::tcp("192.0.2.1:0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    assert!(error.to_string().contains("no address of this machine"), "{error}");
}

#[test]
fn the_first_address_that_works_is_taken() {
    let addresses: [SocketAddr; 2] =
        ["192.0.2.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
    let listener = Listener::tcp(addresses.as_slice()).unwrap();
    assert_eq!(port(&listener).ip(), Ipv4Addr::LOCALHOST);
}

#[test]
fn a_port_is_free_again_after_the_listener() {
    let listener = Listener::tcp(ANY).unwrap();
    let address = port(&listener);
    let client = TcpStream::connect(address).unwrap();
    // The side that closes first keeps the connection in TIME-WAIT.
    drop(accept(&listener));
    drop(listener);
    drop(client);
    assert_eq!(port(&Listener::tcp(address).unwrap()), address);
}

#[test]
fn addresses_display_as_locations() {
    let address = "127.0.0.1:5000".parse().unwrap();
    assert_eq!(Address::Http(address).to_string(), "http://127.0.0.1:5000");
    assert_eq!(Address::Https(address).to_string(), "https://127.0.0.1:5000");
    assert_eq!(Address::Unix("/run/chat".into()).to_string(), "unix:/run/chat");
}

#[test]
fn a_listener_of_the_application_no_longer_blocks() {
    let listener = Listener::try_from(TcpListener::bind(ANY).unwrap()).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let parts = listener.into_parts();
    let Inner::Tcp(inner) = parts.inner else { panic!("not TCP") };
    assert_eq!(parts.address.tcp(), Some(inner.local_addr().unwrap()));
    assert!(parts.tls.is_none());
}

#[test]
fn only_lacking_resources_pause() {
    for kind in [ErrorKind::ConnectionAborted, ErrorKind::Interrupted, ErrorKind::WouldBlock] {
        assert_eq!(pause_after(&kind.into()), None, "{kind}");
    }
    for kind in [ErrorKind::OutOfMemory, ErrorKind::Other, ErrorKind::InvalidInput] {
        assert_eq!(pause_after(&kind.into()), Some(Duration::from_millis(100)), "{kind}");
    }
}

#[cfg(unix)]
#[test]
fn too_many_open_files_pause() {
    const EMFILE: i32 = 24;
    let error = std::io::Error::from_raw_os_error(EMFILE);
    assert_eq!(pause_after(&error), Some(Duration::from_millis(100)));
}

#[cfg(unix)]
#[test]
fn a_port_is_shared_only_when_asked() {
    let first = Listener::tcp_shared(ANY).unwrap();
    let second = Listener::tcp_shared(port(&first)).unwrap();
    assert_eq!(first.local_addr(), second.local_addr());
    assert_eq!(Listener::tcp(port(&first)).unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[cfg(unix)]
#[test]
fn a_socket_file_lives_as_long_as_its_listener() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    let listener = Listener::unix(&path).unwrap();
    assert_eq!(listener.local_addr(), &Address::Unix(path.clone()));
    let mut client = UnixStream::connect(&path).unwrap();
    let Accepted { mut stream, peer } = accept(&listener);
    assert_eq!(peer, None);
    assert_eq!(stream.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.write_all(b"hi").unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 2);
    let parts = listener.into_parts();
    assert!(path.exists());
    drop(parts);
    assert!(!path.exists());
}

#[cfg(unix)]
#[test]
fn a_stale_socket_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    // The standard library leaves the file behind, as a killed process does.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = Listener::unix(&path).unwrap();
    UnixStream::connect(&path).unwrap();
    accept(&listener);
}

#[cfg(unix)]
#[test]
fn a_socket_file_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    let first = Listener::unix(&path).unwrap();
    let error = Listener::unix(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    // The probe is a connection that ended at once, and the first listener still works.
    accept(&first);
    UnixStream::connect(&path).unwrap();
    accept(&first);
}

#[cfg(unix)]
#[test]
fn anything_but_a_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "precious").unwrap();
    let error = Listener::unix(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("left alone"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    assert!(Listener::unix(folder.path()).is_err());
}

#[cfg(unix)]
#[test]
fn the_socket_file_of_a_successor_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    let first = Listener::unix(&path).unwrap();
    fs::rename(&path, folder.path().join("old")).unwrap();
    let second = Listener::unix(&path).unwrap();
    drop(first);
    UnixStream::connect(&path).unwrap();
    accept(&second);
}

/// Runs itself with a listener as standard input, which stands for the first inherited socket.
#[cfg(unix)]
#[test]
fn inherited_sockets_are_served() {
    const NAME: &str = "serve::listen::tests::inherited_sockets_are_served";
    if env::var_os("LISTEN_FDS").is_some() {
        let listeners = Listener::inherited().unwrap();
        let [listener] = listeners.as_slice() else { panic!("{listeners:?}") };
        accept(listener).stream.write_all(listener.local_addr().to_string().as_bytes()).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    let tcp = TcpListener::bind(ANY).unwrap();
    let address = tcp.local_addr().unwrap();
    for (socket, expected) in [
        (Stdio::from(OwnedFd::from(tcp)), format!("http://{address}")),
        (
            Stdio::from(OwnedFd::from(UnixListener::bind(&path).unwrap())),
            format!("unix:{}", path.display()),
        ),
    ] {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", NAME])
            .envs([("LISTEN_FDS", "1"), ("LISTEN_FDS_FIRST_FD", "0")])
            .env_remove("LISTEN_PID")
            .stdin(socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut got = String::new();
        if expected.starts_with("http") {
            TcpStream::connect(address).unwrap().read_to_string(&mut got).unwrap();
        } else {
            UnixStream::connect(&path).unwrap().read_to_string(&mut got).unwrap();
        }
        assert_eq!(got, expected);
        assert!(child.wait().unwrap().success());
    }
}
