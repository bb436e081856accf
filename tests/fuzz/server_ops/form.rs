//! How a session talks: by which revision, and whether by JSONP.

/// How a session talks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Form {
    #[default]
    V4,
    V4Jsonp,
    V3,
    V3Jsonp,
}

impl Form {
    /// The target of a request without a session.
    pub(super) fn target(self, transport: &str) -> String {
        let (revision, polls) = match self {
            Self::V4 => (4, ""),
            Self::V4Jsonp => (4, "&j=0"),
            Self::V3 => (3, ""),
            Self::V3Jsonp => (3, "&j=0"),
        };
        let polls = if transport == "polling" { polls } else { "" };
        format!("/socket.io/?EIO={revision}&transport={transport}{polls}")
    }

    /// The answer to a poll that says nothing.
    pub(super) fn noop(self) -> &'static [u8] {
        match self {
            Self::V4 => b"6",
            Self::V4Jsonp => b"___eio[0](\"6\");",
            Self::V3 => b"1:6",
            Self::V3Jsonp => b"___eio[0](\"1:6\");",
        }
    }

    /// The body of a POST with these packets.
    pub(super) fn body(self, packets: &[&str]) -> Vec<u8> {
        let separated = || packets.join("\u{1e}");
        let measured = || packets.iter().map(|it| old(it)).map(|it| format!("{}:{it}", it.len()));
        match self {
            Self::V4 => separated().into(),
            Self::V4Jsonp => form(&separated()),
            Self::V3 if packets.contains(&"bAQID") => framed(packets),
            Self::V3 => measured().collect::<String>().into(),
            Self::V3Jsonp => form(&measured().collect::<String>()),
        }
    }

    /// A binary message on a WebSocket.
    pub(super) fn binary(self) -> &'static [u8] {
        match self {
            Self::V4 | Self::V4Jsonp => &[1, 2, 3],
            Self::V3 | Self::V3Jsonp => &[4, 1, 2, 3],
        }
    }
}

/// A packet as clients of revision 3 write it in text.
fn old(packet: &str) -> String {
    if packet == "bAQID" { "b4AQID".into() } else { packet.into() }
}

/// A payload that is framed in bytes.
fn framed(packets: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for packet in packets {
        let (kind, bytes) = match *packet {
            "bAQID" => (1, [4, 1, 2, 3].as_slice()),
            text => (0, text.as_bytes()),
        };
        out.push(kind);
        out.extend(bytes.len().to_string().bytes().map(|digit| digit - b'0'));
        out.push(0xff);
        out.extend_from_slice(bytes);
    }
    out
}

/// A payload as a page sends it.
fn form(payload: &str) -> Vec<u8> {
    let mut out = b"d=".to_vec();
    out.extend(payload.bytes().flat_map(|byte| format!("%{byte:02x}").into_bytes()));
    out
}
