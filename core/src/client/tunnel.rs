//! How a proxy is asked for a stream: CONNECT (RFC 9110 §9.3.6), SOCKS5 (RFC 1928, RFC 1929).

use std::net::IpAddr;

use super::endpoint::{Endpoint, basic};
use super::fault::Fault;
use crate::http::put_field;

/// The exchange by which a proxy opens a stream: bytes to write, then bytes that were read.
///
/// It is over when it [is open](Self::is_open): from then on the stream belongs to the server behind the proxy. The
/// proxy ends its part before the server can say anything, since with HTTP and with TLS the client speaks
/// first; bytes beyond it are a fault.
#[derive(Debug)]
pub struct Tunnel {
    out: Vec<u8>,
    /// How many bytes of `out` were written.
    written: usize,
    /// At most [`HEAD`] bytes.
    read: Vec<u8>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The head of an HTTP answer comes.
    Head,
    /// The proxy chooses how a client shows who it is.
    Method {
        login: Option<(Vec<u8>, Vec<u8>)>,
        request: Vec<u8>,
    },
    /// The proxy judges name and password.
    Password {
        request: Vec<u8>,
    },
    /// The proxy says whether the stream is open.
    Reply,
    Open,
}

/// The longest head of an answer, in bytes.
const HEAD: usize = 16 * 1024;

/// Fields in the head of an answer.
const FIELDS: usize = 64;

/// The version of SOCKS.
const SOCKS: u8 = 5;

/// Methods of SOCKS by which a client shows who it is.
const ANYBODY: u8 = 0;
const PASSWORD: u8 = 2;

impl Tunnel {
    pub(super) fn http(server: &Endpoint, login: Option<&(Vec<u8>, Vec<u8>)>) -> Self {
        let (host, port) = (server.host(), server.port());
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.into() };
        let authority = format!("{bracketed}:{port}");
        let mut out = format!("CONNECT {authority} HTTP/1.1\r\n").into_bytes();
        put_field(&mut out, "Host", authority.as_bytes());
        if let Some(login) = login {
            put_field(&mut out, "Proxy-Authorization", basic(login).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        Self::new(out, Stage::Head)
    }

    /// Names a server by `address`, or by its name when there is none.
    pub(super) fn socks(
        server: &Endpoint,
        address: Option<IpAddr>,
        login: Option<(Vec<u8>, Vec<u8>)>,
    ) -> Self {
        let greeting = match &login {
            None => vec![SOCKS, 1, ANYBODY],
            Some(_) => vec![SOCKS, 2, ANYBODY, PASSWORD],
        };
        let mut request = vec![SOCKS, 1, 0];
        match address {
            Some(IpAddr::V4(address)) => {
                request.push(1);
                request.extend_from_slice(&address.octets());
            }
            Some(IpAddr::V6(address)) => {
                request.push(4);
                request.extend_from_slice(&address.octets());
            }
            None => {
                request.push(3);
                put_short(&mut request, server.host().as_bytes());
            }
        }
        request.extend_from_slice(&server.port().to_be_bytes());
        Self::new(greeting, Stage::Method { login, request })
    }

    fn new(out: Vec<u8>, stage: Stage) -> Self {
        Self { out, written: 0, read: Vec::new(), stage }
    }

    /// Shows what is to be written; empty when nothing is.
    #[must_use]
    pub fn poll_write(&self) -> &[u8] {
        &self.out[self.written..]
    }

    /// Accounts for `n` bytes that the stream took.
    ///
    /// # Panics
    /// When that is more than [`poll_write`](Self::poll_write) showed.
    pub fn wrote(&mut self, n: usize) {
        self.written += n;
        assert!(self.written <= self.out.len(), "the stream took more than there was");
    }

    /// Whether the stream leads to the server now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// Takes bytes of the proxy.
    ///
    /// # Errors
    /// What the proxy refused, with the status of an HTTP answer, or how it broke its protocol. Close
    /// the stream then.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.read.len() + bytes.len() > HEAD {
            return Err(Fault::transport("the answer of the proxy is longer than 16 KiB"));
        }
        self.read.extend_from_slice(bytes);
        while let Some(taken) = self.step()? {
            self.read.drain(..taken);
        }
        if self.is_open() && !self.read.is_empty() {
            return Err(Fault::transport("the proxy sent more than its answer"));
        }
        Ok(())
    }

    /// Takes the next message of the proxy, and returns its length; `None` while it is incomplete.
    fn step(&mut self) -> Result<Option<usize>, Fault> {
        let read = &*self.read;
        match &mut self.stage {
            Stage::Head => {
                let Some((taken, status)) = head(read)? else { return Ok(None) };
                match status {
                    100..=199 => {}
                    200..=299 => self.stage = Stage::Open,
                    _ => return Err(refusal(status)),
                }
                Ok(Some(taken))
            }
            Stage::Method { login, request } => {
                let &[version, method, ..] = read else { return Ok(None) };
                check(version, SOCKS)?;
                let request = std::mem::take(request);
                match (method, login.take()) {
                    (ANYBODY, _) => self.turn(request, Stage::Reply),
                    (PASSWORD, Some((user, password))) => {
                        let mut out = vec![1];
                        put_short(&mut out, &user);
                        put_short(&mut out, &password);
                        self.turn(out, Stage::Password { request });
                    }
                    (_, None) => {
                        return Err(Fault::transport("the proxy wants a name and a password"));
                    }
                    (_, Some(_)) => {
                        return Err(Fault::transport("the proxy takes no name and password"));
                    }
                }
                Ok(Some(2))
            }
            Stage::Password { request } => {
                let &[version, status, ..] = read else { return Ok(None) };
                check(version, 1)?;
                if status != 0 {
                    return Err(Fault::transport("the proxy refused name and password"));
                }
                let request = std::mem::take(request);
                self.turn(request, Stage::Reply);
                Ok(Some(2))
            }
            Stage::Reply => {
                let Some(taken) = reply(read)? else { return Ok(None) };
                self.stage = Stage::Open;
                Ok(Some(taken))
            }
            Stage::Open => Ok(None),
        }
    }

    /// It is the client's turn to speak.
    fn turn(&mut self, out: Vec<u8>, stage: Stage) {
        self.out = out;
        self.written = 0;
        self.stage = stage;
    }
}

/// The length and the status of the head of an answer.
fn head(read: &[u8]) -> Result<Option<(usize, u16)>, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    match (answer.parse(read), answer.code) {
        (Ok(httparse::Status::Complete(taken)), Some(status)) => Ok(Some((taken, status))),
        (Ok(httparse::Status::Partial), _) => Ok(None),
        (Ok(httparse::Status::Complete(_)), None) | (Err(_), _) => {
            Err(Fault::transport("the answer of the proxy is no HTTP/1.1"))
        }
    }
}

fn refusal(status: u16) -> Fault {
    let message = match status {
        407 => "the proxy answered 407: it wants another name and password".into(),
        status => format!("the proxy answered {status}"),
    };
    Fault::transport(message).with_status(status)
}

/// The length of the reply of a SOCKS proxy that has opened a stream (RFC 1928 §6).
fn reply(read: &[u8]) -> Result<Option<usize>, Fault> {
    let &[version, code, _, kind, first, ..] = read else {
        // A proxy that refuses may close the stream early.
        return match read {
            [] => Ok(None),
            &[version] => check(version, SOCKS).map(|()| None),
            &[version, code, ..] => {
                check(version, SOCKS)?;
                check_code(code).map(|()| None)
            }
        };
    };
    check(version, SOCKS)?;
    check_code(code)?;
    let address = match kind {
        1 => 4,
        3 => 1 + usize::from(first),
        4 => 16,
        _ => return Err(no_socks()),
    };
    let length = 4 + address + 2;
    Ok((read.len() >= length).then_some(length))
}

fn check(version: u8, expected: u8) -> Result<(), Fault> {
    if version == expected { Ok(()) } else { Err(no_socks()) }
}

fn check_code(code: u8) -> Result<(), Fault> {
    let reason = match code {
        0 => return Ok(()),
        1 => "it failed",
        2 => "its rules forbid it",
        3 => "the network cannot be reached",
        4 => "the host cannot be reached",
        5 => "the server refused the connection",
        6 => "the connection took too long",
        7 => "it does not do CONNECT",
        8 => "it does not know this kind of address",
        _ => "for a reason without a name",
    };
    Err(Fault::transport(format!("the SOCKS proxy opened no stream: {reason}")))
}

fn no_socks() -> Fault {
    Fault::transport("the proxy does not speak SOCKS5")
}

/// Appends up to 255 bytes with their length before them: addresses with longer hosts and logins are not parsed.
fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend_from_slice(&bytes[..usize::from(length)]);
}

#[cfg(test)]
mod tests {
    use super::super::proxy::Proxy;
    use super::*;

    fn begin(proxy: &str, server: &str, address: Option<IpAddr>) -> Tunnel {
        let server = Endpoint::parse(server).expect("valid");
        Proxy::parse(proxy).expect("valid").tunnel(&server, address)
    }

    fn written(tunnel: &mut Tunnel) -> Vec<u8> {
        let out = tunnel.poll_write().to_vec();
        tunnel.wrote(out.len());
        out
    }

    #[test]
    fn c100_http_proxies_are_asked_by_connect() {
        let mut tunnel = begin("http://u:p@proxy", "wss://[::1]:8443/chat", None);
        let expected = "CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\
                        Proxy-Authorization: Basic dTpw\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&written(&mut tunnel)), expected);
        let answer = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
        for byte in answer {
            assert!(!tunnel.is_open());
            tunnel.read(&[*byte]).expect("allowed");
        }
        assert!(tunnel.is_open() && tunnel.poll_write().is_empty());
        assert!(tunnel.read(b"x").is_err(), "the server does not speak first");
    }

    #[test]
    fn c100_a_proxy_that_refuses_is_a_fault_with_its_status() {
        for (answer, status) in [
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Some(407)),
            ("HTTP/1.0 502 \r\nContent-Length: 9\r\n\r\nBad luck.", Some(502)),
            ("SSH-2.0-x\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\n\r\nmore", None),
        ] {
            let fault = begin("http://proxy", "http://a", None).read(answer.as_bytes());
            assert_eq!(fault.expect_err(answer).http_status(), status, "{answer}");
        }
        let mut tunnel = begin("http://proxy", "http://a", None);
        tunnel.read(b"HTTP/1.1 100 Continue\r\n\r\n").expect("more follows");
        let endless = [b'x'; 4096];
        let fed = (0..5).try_for_each(|_| tunnel.read(&endless));
        assert!(fed.is_err(), "bounded");
    }

    #[test]
    fn c100_socks_proxies_are_told_a_name_or_an_address() {
        let mut tunnel = begin("socks5h://proxy", "http://a.example", None);
        assert_eq!(written(&mut tunnel), [5, 1, 0]);
        tunnel.read(&[5, 0]).expect("anybody");
        assert_eq!(written(&mut tunnel), b"\x05\x01\x00\x03\x09a.example\x00\x50");
        tunnel.read(&[5, 0, 0, 1, 127, 0, 0, 1, 0]).expect("incomplete");
        assert!(!tunnel.is_open());
        tunnel.read(&[80]).expect("complete");
        assert!(tunnel.is_open());

        let address = IpAddr::from([10, 0, 0, 1]);
        let mut tunnel = begin("socks5://u:pw@proxy", "https://a.example", Some(address));
        assert_eq!(written(&mut tunnel), [5, 2, 0, 2]);
        tunnel.read(&[5, 2]).expect("a password");
        assert_eq!(written(&mut tunnel), b"\x01\x01u\x02pw");
        tunnel.read(&[1, 0]).expect("right");
        assert_eq!(written(&mut tunnel), [5, 1, 0, 1, 10, 0, 0, 1, 1, 187]);
        tunnel.read(&[5, 0, 0, 3, 1, b'x', 0, 0]).expect("complete");
        assert!(tunnel.is_open());

        let mut tunnel = begin("socks5h://proxy", "http://[::1]:81", None);
        tunnel.read(&[5, 0]).expect("anybody");
        let mut expected = vec![5, 1, 0, 4];
        expected.extend([[0; 15].as_slice(), &[1, 0, 81]].concat());
        assert_eq!(written(&mut tunnel), expected);
    }

    #[test]
    fn c100_socks_proxies_may_refuse() {
        for (proxy, answers, text) in [
            ("socks5://p", &[&[5, 2][..]][..], "wants a name"),
            ("socks5://u:p@p", &[&[5, 255]], "takes no name"),
            ("socks5://u:p@p", &[&[5, 2], &[1, 1]], "refused name"),
            ("socks5://p", &[&[5, 0], &[5, 5]], "server refused"),
            ("socks5://p", &[&[5, 0], &[5, 0, 0, 9, 0]], "does not speak SOCKS5"),
            ("socks5://p", &[b"HTTP/1.1 400"], "does not speak SOCKS5"),
        ] {
            let mut tunnel = begin(proxy, "http://a", Some(IpAddr::from([1, 1, 1, 1])));
            let told = answers.iter().try_for_each(|answer| tunnel.read(answer));
            let fault = told.expect_err(text);
            assert!(fault.message().contains(text), "{fault}");
        }
    }
}
