use super::{Tls, TlsBuilder, TlsError, Trust};
use crate::dial::secure::Secure;
use crate::serve::carry::Wire;
use crate::serve::tls as serve;
use crate::wait::wait;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sansocket::client::Fault;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

/// An authority, which signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key, both in PEM form.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// A server with a certificate for that name, which asks clients for one of `clients`.
    fn server(&self, name: &str, clients: Option<&Self>) -> Server {
        let (certificate, key) = self.sign(name);
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots
                    .add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap())
                    .unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = builder.with_single_cert(chain, key).unwrap();
        let tls = serve::Tls::from_config(Arc::new(config)).unwrap();
        Server { tls: serve::TlsConnection::new(&tls), echo: Vec::new() }
    }
}

/// A stream to a server that echoes. What it has is there at once.
struct Server {
    tls: serve::TlsConnection,
    echo: Vec<u8>,
}

impl Wire for Server {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let taken = self.tls.write(&[IoSlice::new(&self.echo)]);
        self.echo.drain(..taken);
        let bytes = self.tls.poll_write();
        // Small reads split records.
        let n = bytes.len().min(buffer.len()).min(700);
        buffer[..n].copy_from_slice(&bytes[..n]);
        self.tls.wrote(n);
        if n == 0 { Poll::Pending } else { Poll::Ready(Ok(n)) }
    }

    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let n = slices[0].len().min(700);
        match self.tls.read(&slices[0][..n], &mut self.echo) {
            Ok(()) => Poll::Ready(Ok(n)),
            Err(_) if self.tls.wants_write() => Poll::Ready(Ok(n)),
            Err(fault) => Poll::Ready(Err(io::Error::other(fault))),
        }
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn connect(tls: TlsBuilder, server: Server) -> Result<Secure<Server>, Fault> {
    let trust = Trust::new(tls.build().unwrap());
    wait(trust.to_server(server, "localhost"))
}

/// Writes a text and reads the echo.
fn echo(stream: &mut Secure<Server>, text: &[u8]) -> Vec<u8> {
    let context = &mut Context::from_waker(std::task::Waker::noop());
    let mut left = text;
    let mut echoed = Vec::new();
    while echoed.len() < text.len() {
        if !left.is_empty()
            && let Poll::Ready(n) = stream.poll_write(context, &[IoSlice::new(left)])
        {
            left = &left[n.unwrap()..];
        }
        let mut buffer = [0; 333];
        while let Poll::Ready(n) = stream.poll_read(context, &mut buffer) {
            echoed.extend_from_slice(&buffer[..n.unwrap()]);
        }
    }
    echoed
}

#[test]
fn c101_a_server_with_a_certificate_of_a_trusted_authority_is_spoken_to() {
    let authority = Authority::new("ours");
    let tls = Tls::builder().only_root_certificates(authority.pem.clone());
    let mut stream = connect(tls, authority.server("localhost", None)).unwrap();
    let text: Vec<u8> = (0..50_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    assert_eq!(echo(&mut stream, &text), text);
    let tls = Tls::builder().root_certificates(authority.pem.clone());
    assert!(connect(tls, authority.server("localhost", None)).is_ok(), "besides the system's");
}

#[test]
fn c101_certificates_are_verified_by_default() {
    let (authority, other) = (Authority::new("ours"), Authority::new("other"));
    let trusting = || Tls::builder().only_root_certificates(authority.pem.clone());
    let refused = |tls, server| connect(tls, server).err().expect("refused").to_string();
    let message = refused(trusting(), other.server("localhost", None));
    assert!(message.contains("UnknownIssuer"), "{message}");
    let message = refused(trusting(), authority.server("elsewhere", None));
    assert!(message.contains("not valid for name"), "{message}");
    let named = trusting().server_name("elsewhere");
    assert!(connect(named, authority.server("elsewhere", None)).is_ok());
    let anybody = Tls::builder().danger_accept_invalid_certificates();
    let mut stream = connect(anybody, other.server("elsewhere", None)).unwrap();
    assert_eq!(echo(&mut stream, b"x"), b"x");
}

#[test]
fn c101_a_client_shows_its_certificate_to_a_server_that_asks() {
    let (authority, members) = (Authority::new("ours"), Authority::new("other"));
    let trusting = || Tls::builder().only_root_certificates(authority.pem.clone());
    let server = || authority.server("localhost", Some(&members));
    let (certificate, key) = members.sign("me");
    let mut stream = connect(trusting().client_certificate(certificate, key), server()).unwrap();
    assert_eq!(echo(&mut stream, b"x"), b"x");
    // With TLS 1.3 a client hears only after its handshake that it is not let in.
    if let Ok(mut stream) = connect(trusting(), server()) {
        let context = &mut Context::from_waker(std::task::Waker::noop());
        let read = stream.poll_read(context, &mut [0; 99]);
        let Poll::Ready(Err(error)) = read else { panic!("{read:?}") };
        assert!(error.to_string().contains("CertificateRequired"), "{error}");
    }
}

#[test]
fn what_cannot_be_used_is_said_when_it_is_built() {
    let (certificate, key) = Authority::new("ours").sign("me");
    let build = |builder: TlsBuilder| builder.build().expect_err("unusable");
    let error = build(Tls::builder().root_certificates("nothing"));
    assert!(matches!(error, TlsError::NoCertificate), "{error}");
    let error = build(Tls::builder().client_certificate(certificate.clone(), ""));
    assert!(matches!(error, TlsError::NoKey), "{error}");
    let foreign = KeyPair::generate().unwrap().serialize_pem();
    let error = build(Tls::builder().client_certificate(certificate, foreign));
    assert!(matches!(error, TlsError::Unusable(_)), "{error}");
    assert!(matches!(build(Tls::builder().server_name("a b")), TlsError::Name(_)));
    drop(key);
}

#[test]
fn a_server_without_tls_is_named() {
    struct Plain(bool);
    impl Wire for Plain {
        fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            buffer[..answer.len()].copy_from_slice(answer);
            Poll::Ready(Ok(if std::mem::replace(&mut self.0, true) { 0 } else { answer.len() }))
        }

        fn poll_write(
            &mut self,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(slices[0].len()))
        }

        fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let trust = Trust::new(Tls::builder().danger_accept_invalid_certificates().build().unwrap());
    let fault = wait(trust.to_server(Plain(false), "localhost")).err().expect("no TLS");
    assert!(fault.message().contains("http instead of https"), "{fault}");
}
