use super::{KEPT, Tls, TlsConnection, TlsError, TlsFault, WRITE};
use proptest::prelude::*;
use rcgen::generate_simple_self_signed;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use std::fs;
use std::io::{BufRead, IoSlice, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// A certificate for `localhost` with its key, in files.
struct Identity {
    folder: TempDir,
    pem: String,
}

impl Identity {
    fn new() -> Self {
        let identity = Self { folder: tempfile::tempdir().unwrap(), pem: String::new() };
        identity.renew()
    }

    /// Puts another certificate and key into the files.
    fn renew(mut self) -> Self {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        self.pem = made.cert.pem();
        fs::write(self.certificate(), &self.pem).unwrap();
        fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
        self
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn tls(&self) -> Tls {
        Tls::from_pem_files(self.certificate(), self.key()).unwrap()
    }

    /// A client that trusts the certificate that is in the file now.
    fn client(&self, version: &'static SupportedProtocolVersion) -> ClientConnection {
        self.client_with(version, &[b"http/1.1"])
    }

    fn client_with(
        &self,
        version: &'static SupportedProtocolVersion,
        protocols: &[&[u8]],
    ) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        ClientConnection::new(Arc::new(config), name).unwrap()
    }
}

/// What the client has for the server.
fn sent(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// Gives the client what the server has for it, `step` bytes at a time.
fn give(client: &mut ClientConnection, server: &mut TlsConnection, step: usize) {
    while server.wants_write() {
        let mut bytes = &server.poll_write()[..step.min(server.poll_write().len())];
        let n = bytes.len();
        while !bytes.is_empty() {
            client.read_tls(&mut bytes).unwrap();
            client.process_new_packets().unwrap();
        }
        server.wrote(n);
    }
}

fn greet(client: &mut ClientConnection, server: &mut TlsConnection) {
    let mut plain = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        server.read(&sent(client), &mut plain).unwrap();
        give(client, server, usize::MAX);
    }
    assert!(plain.is_empty());
}

fn received(client: &mut ClientConnection) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut reader = client.reader();
    while let Ok(chunk) = reader.fill_buf()
        && !chunk.is_empty()
    {
        let n = chunk.len();
        plain.extend_from_slice(chunk);
        reader.consume(n);
    }
    plain
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn bytes_may_be_cut_anywhere(
        steps in prop::collection::vec(1_usize..700, 1..24),
        request in prop::collection::vec(any::<u8>(), 0..50_000),
        modern in any::<bool>(),
    ) {
        let identity = Identity::new();
        let mut client = identity.client(if modern { &TLS13 } else { &TLS12 });
        let mut server = TlsConnection::new(&identity.tls());
        let mut plain = Vec::new();
        let mut steps = steps.iter().copied().cycle();
        let mut unsent = request.as_slice();
        while client.is_handshaking() || server.is_handshaking() || !unsent.is_empty() {
            if !client.is_handshaking() {
                unsent = &unsent[client.writer().write(unsent).unwrap()..];
            }
            let bytes = sent(&mut client);
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (chunk, later) = rest.split_at(steps.next().unwrap().min(rest.len()));
                server.read(chunk, &mut plain).unwrap();
                rest = later;
            }
            give(&mut client, &mut server, steps.next().unwrap());
        }
        prop_assert_eq!(&plain, &request);

        let mut unsent = plain.as_slice();
        let mut echoed = Vec::new();
        while !unsent.is_empty() {
            let (head, tail) = unsent.split_at(steps.next().unwrap().min(unsent.len()));
            let n = server.write(&[IoSlice::new(head), IoSlice::new(tail)]);
            prop_assert!(n > 0);
            unsent = &unsent[n..];
            while server.wants_write() {
                let mut bytes = server.poll_write();
                let n = client.read_tls(&mut bytes).unwrap();
                client.process_new_packets().unwrap();
                server.wrote(n);
                echoed.extend(received(&mut client));
            }
        }
        prop_assert_eq!(echoed, request);
    }

    #[test]
    fn rubbish_ends_a_session_and_never_hangs_it(
        bytes in prop::collection::vec(any::<u8>(), 0..70_000),
    ) {
        let identity = Identity::new();
        let mut server = TlsConnection::new(&identity.tls());
        let mut plain = Vec::new();
        let first = server.read(&bytes, &mut plain);
        prop_assert_eq!(server.read(&[], &mut plain), first);
        prop_assert!(plain.is_empty());
        prop_assert!(server.is_handshaking());
    }
}

#[test]
fn http_1_1_is_agreed_on() {
    let identity = Identity::new();
    let mut client = identity.client_with(&TLS13, &[b"h2", b"http/1.1"]);
    greet(&mut client, &mut TlsConnection::new(&identity.tls()));
    assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[test]
fn a_client_without_alpn_is_served() {
    let identity = Identity::new();
    let mut client = identity.client_with(&TLS13, &[]);
    greet(&mut client, &mut TlsConnection::new(&identity.tls()));
    assert_eq!(client.alpn_protocol(), None);
}

#[test]
fn a_client_of_http_2_alone_is_refused() {
    let identity = Identity::new();
    let mut client = identity.client_with(&TLS13, &[b"h2"]);
    let mut server = TlsConnection::new(&identity.tls());
    let fault = server.read(&sent(&mut client), &mut Vec::new()).unwrap_err();
    assert_eq!(fault, TlsFault::Protocol(rustls::Error::NoApplicationProtocol));
    assert!(server.wants_write());
}

#[test]
fn plain_http_gets_an_alert() {
    let identity = Identity::new();
    let mut server = TlsConnection::new(&identity.tls());
    let mut plain = Vec::new();
    let request = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(server.read(request, &mut plain), Err(TlsFault::NotTls));
    // A fatal alert in the clear: content type 21, level 2 (RFC 8446 §6).
    let alert = server.poll_write();
    assert_eq!((alert[0], alert[5], alert.len()), (21, 2, 7));
    assert_eq!(server.read(request, &mut plain), Err(TlsFault::NotTls));
    assert_eq!(server.write(&[IoSlice::new(b"HTTP/1.1 400")]), 0);
    server.wrote(7);
    assert!(!server.wants_write());
    assert!(plain.is_empty());
}

#[test]
fn farewells_during_the_handshake_never_hang_it() {
    // RUSTSEC-2024-0336: a loop until the handshake is over never ended. Such a farewell proves
    // nothing, as anybody can send it; a few are passed over.
    // close_notify: content type 21, version 1.2, two bytes: warning, 0 (RFC 5246 §7.2.1).
    let farewell = [21, 3, 3, 0, 2, 1, 0];
    let identity = Identity::new();
    let mut plain = Vec::new();
    for greeting in [Vec::new(), sent(&mut identity.client(&TLS12))] {
        let mut server = TlsConnection::new(&identity.tls());
        server.read(&greeting, &mut plain).unwrap();
        server.read(&farewell, &mut plain).unwrap();
        assert!(server.is_handshaking());
        let fault = server.read(&farewell.repeat(1000), &mut plain).unwrap_err();
        assert!(matches!(fault, TlsFault::Protocol(_)), "{fault}");
    }
    let mut server = TlsConnection::new(&identity.tls());
    server.read(&sent(&mut identity.client(&TLS13)), &mut plain).unwrap();
    server.read(&farewell, &mut plain).unwrap_err();
    assert!(plain.is_empty());
}

#[test]
fn a_greeting_in_tiny_records_is_read() {
    // RUSTSEC-2024-0399: a ClientHello in several records made a server panic.
    let identity = Identity::new();
    let mut client = identity.client(&TLS13);
    let mut server = TlsConnection::new(&identity.tls());
    let hello = sent(&mut client);
    let mut records = Vec::new();
    for piece in hello[5..].chunks(3) {
        records.extend_from_slice(&[22, 3, 1, 0, u8::try_from(piece.len()).unwrap()]);
        records.extend_from_slice(piece);
    }
    server.read(&records, &mut Vec::new()).unwrap();
    give(&mut client, &mut server, usize::MAX);
    greet(&mut client, &mut server);
}

#[test]
fn a_greeting_without_end_is_refused() {
    let identity = Identity::new();
    let mut server = TlsConnection::new(&identity.tls());
    let mut plain = Vec::new();
    // A ClientHello of 16 MiB, announced in its first record.
    let mut record = vec![22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    let refused = (0..8).any(|_| {
        let refused = server.read(&record, &mut plain).is_err();
        record[5..9].fill(0);
        refused
    });
    assert!(refused);
}

#[test]
fn goodbyes_go_both_ways() {
    let identity = Identity::new();
    let mut client = identity.client(&TLS13);
    let mut server = TlsConnection::new(&identity.tls());
    greet(&mut client, &mut server);
    client.writer().write_all(b"last words").unwrap();
    client.send_close_notify();
    let mut plain = Vec::new();
    server.read(&sent(&mut client), &mut plain).unwrap();
    assert_eq!(plain, b"last words");
    assert!(server.is_ended());

    // The other direction is still open (RFC 8446 §6.1).
    assert_eq!(server.write(&[IoSlice::new(b"answer")]), 6);
    give(&mut client, &mut server, usize::MAX);
    server.close();
    assert_eq!(server.write(&[IoSlice::new(b"more")]), 0);
    give(&mut client, &mut server, usize::MAX);
    let mut got = Vec::new();
    client.reader().read_to_end(&mut got).unwrap();
    assert_eq!(got, b"answer");
}

#[test]
fn nothing_is_taken_before_the_handshake_is_over() {
    let identity = Identity::new();
    let mut server = TlsConnection::new(&identity.tls());
    assert_eq!(server.write(&[IoSlice::new(b"early")]), 0);
    assert!(!server.wants_write());
}

#[test]
fn one_write_is_bounded_and_waits_for_the_last() {
    let identity = Identity::new();
    let mut client = identity.client(&TLS13);
    let mut server = TlsConnection::new(&identity.tls());
    greet(&mut client, &mut server);
    let large = vec![7; WRITE];
    assert_eq!(server.write(&[IoSlice::new(&large)]), WRITE);
    assert!(server.poll_write().len() < WRITE + 1024);
    assert_eq!(server.write(&[IoSlice::new(b"x")]), 0);
    server.wrote(server.poll_write().len());
    assert_eq!(server.write(&[IoSlice::new(&large), IoSlice::new(b"x")]), WRITE);
}

#[test]
fn an_idle_session_keeps_no_large_buffer() {
    let identity = Identity::new();
    let mut client = identity.client(&TLS13);
    let mut server = TlsConnection::new(&identity.tls());
    greet(&mut client, &mut server);
    assert!(server.0.out.capacity() <= KEPT);
    server.write(&[IoSlice::new(&[7; KEPT])]);
    assert!(server.0.out.capacity() > KEPT);
    server.wrote(server.poll_write().len());
    assert_eq!(server.0.out.capacity(), 0);
}

#[test]
fn new_sessions_show_the_certificate_that_was_read_last() {
    let identity = Identity::new();
    let tls = identity.tls();
    let shared = tls.clone();
    let (mut client, mut server) = (identity.client(&TLS13), TlsConnection::new(&tls));
    greet(&mut client, &mut server);
    let mut early = identity.client(&TLS13);
    let mut begun = TlsConnection::new(&tls);
    let before = client.peer_certificates().unwrap().to_vec();

    let identity = identity.renew();
    shared.reload().unwrap();
    let mut later = identity.client(&TLS13);
    greet(&mut later, &mut TlsConnection::new(&tls));
    assert_ne!(later.peer_certificates().unwrap(), before);

    greet(&mut early, &mut begun);
    assert_eq!(early.peer_certificates().unwrap(), before);
    client.writer().write_all(b"still here").unwrap();
    let mut plain = Vec::new();
    server.read(&sent(&mut client), &mut plain).unwrap();
    assert_eq!(plain, b"still here");
}

#[test]
fn a_failed_reload_changes_nothing() {
    let identity = Identity::new();
    let tls = identity.tls();
    fs::write(identity.certificate(), "").unwrap();
    assert!(
        matches!(tls.reload(), Err(TlsError::NoCertificate(path)) if path == identity.certificate())
    );
    fs::remove_file(identity.key()).unwrap();
    tls.reload().unwrap_err();
    greet(&mut identity.client(&TLS13), &mut TlsConnection::new(&tls));
}

#[test]
fn a_ticket_resumes_until_the_certificate_changes() {
    let identity = Identity::new();
    let tls = identity.tls();
    let mut first = identity.client(&TLS13);
    greet(&mut first, &mut TlsConnection::new(&tls));
    let config = first_config(&identity);
    let kinds = [false, true, false].map(|resumed| {
        if !resumed {
            tls.reload().unwrap();
        }
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(config.clone(), name).unwrap();
        let mut server = TlsConnection::new(&tls);
        greet(&mut client, &mut server);
        client.handshake_kind().unwrap()
    });
    use rustls::HandshakeKind::{Full, Resumed};
    assert_eq!(kinds, [Full, Resumed, Full]);
}

/// A configuration whose clients remember tickets.
fn first_config(identity: &Identity) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(identity.pem.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[test]
fn errors_name_the_file() {
    let identity = Identity::new();
    let other = Identity::new();
    let missing = identity.folder.path().join("missing.pem");
    let (certificate, key) = (identity.certificate(), identity.key());
    for (certificate, key, expected) in [
        (&missing, &key, "missing.pem cannot be read"),
        (&certificate, &missing, "missing.pem cannot be read"),
        (&key, &key, "key.pem holds no certificate"),
        (&certificate, &certificate, "cert.pem holds no private key"),
        (&certificate, &other.key(), "key.pem does not belong to the first certificate in"),
    ] {
        let error = Tls::from_pem_files(certificate, key).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    fs::write(&certificate, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    let error = Tls::from_pem_files(&certificate, &key).unwrap_err();
    assert!(matches!(error, TlsError::Pem { .. }), "{error}");
}

#[test]
fn certificate_and_key_may_share_a_file() {
    let identity = Identity::new();
    let both = identity.folder.path().join("both.pem");
    let key = fs::read_to_string(identity.key()).unwrap();
    fs::write(&both, identity.pem.clone() + &key).unwrap();
    let tls = Tls::from_pem_files(&both, &both).unwrap();
    greet(&mut identity.client(&TLS12), &mut TlsConnection::new(&tls));
}

#[test]
fn a_configuration_of_the_application_speaks_http() {
    let identity = Identity::new();
    let key = PrivateKeyDer::from_pem_file(identity.key()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(identity.pem.as_bytes()).unwrap()];
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.max_fragment_size = Some(1);
    let error = Tls::from_config(Arc::new(config.clone())).unwrap_err();
    assert!(matches!(error, TlsError::Unusable(_)), "{error}");
    config.max_fragment_size = None;
    let tls = Tls::from_config(Arc::new(config)).unwrap();
    let mut client = identity.client(&TLS12);
    greet(&mut client, &mut TlsConnection::new(&tls));
    assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(matches!(tls.reload(), Err(TlsError::NoFiles)));
}

#[test]
fn a_connection_without_tls_pays_one_word() {
    assert_eq!(size_of::<Option<TlsConnection>>(), size_of::<usize>());
}
