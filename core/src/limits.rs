//! Bounds on everything a peer controls.

use std::time::Duration;

/// Bounds on everything a peer controls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request head. Default 16 KiB, twice what browsers with many cookies send.
    pub head: usize,
    /// Header fields of a request, at most 128. Default 96.
    pub headers: usize,
    /// Time from the first byte of a request head to its end. Default 15 s; needed by embedders that
    /// own the clock, as are the next two.
    pub head_time: Duration,
    /// Time from the end of a request head to the end of its body. Default 60 s: a body as large as
    /// is allowed, over a slow mobile line.
    pub body_time: Duration,
    /// Time a connection without a session may do nothing. Default 30 s.
    pub idle_time: Duration,
    /// Bytes a second that a peer must take while something waits to be written to it, and give while a
    /// WebSocket message of more than 4 KiB is incomplete, on average over [`rate_window`](Self::rate_window).
    /// A slower peer is cut off, from a WebSocket with [`Violation::TooSlow`](crate::Violation).
    /// Default 1024: slower than any line that a page loads over; 0 never cuts a peer off. Needed by
    /// embedders that own the clock, as is the next.
    pub least_rate: u32,
    /// Time over which [`least_rate`](Self::least_rate) is measured. Default 60 s: the buffers of an
    /// operating system empty in steps of a megabyte and more.
    pub rate_window: Duration,
    /// Bytes of a request body or WebSocket message, announced as `maxPayload`. Default 1 000 000.
    pub max_payload: usize,
    /// Frames of one WebSocket message. Default 16 384, counting empty ones.
    pub fragments: u32,
    /// Packets of one request body. Default 16 384: a burst of some thousand small events is honest.
    pub packets: usize,
    /// Attachments of one packet, both ways. Default 10, as JavaScript peers refuse more.
    pub attachments: u32,
    /// Bytes of all attachments of one packet. Default 10 000 000.
    pub attachment_bytes: usize,
    /// Time from the announcement of attachments to the last of them. Default 60 s.
    pub attachment_time: Duration,
    /// Sessions of one shard that were not admitted to a namespace yet. Beyond, the oldest of the
    /// address that opened most of them ends with [`Reason::GaveWay`](crate::Reason); of IPv6, a network
    /// of 64 bits counts as one address. Default 10 000: some 10 MB with the heads that browsers send,
    /// 160 MB with the largest. Bare Engine.IO sessions are never counted.
    pub handshakes: usize,
    /// Sessions of the process; a handshake beyond them is answered with 503. Default 1 000 000: their
    /// heads fill [`bytes`](Self::bytes) when each has a kilobyte.
    pub sessions: usize,
    /// Memory, in bytes, that sessions of the process take: packets that wait for them and for
    /// admissions, counted as for [`max_backlog`](Self::max_backlog), but one that waits for many with its
    /// bytes once; attachments of incomplete packets; the heads that handshakes keep. From seven eighths
    /// on, the sessions for which most waits end with [`Reason::SlowConsumer`](crate::Reason), until it
    /// is three quarters. Beyond the limit, when that does not help, handshakes are answered with 503 and
    /// volatile events are dropped. Default 1 GiB: some sixty clients that read nothing, or seven million
    /// tiny packets.
    pub bytes: usize,
    /// Namespaces joined by one connection at a time, with those it asked for and left before the
    /// application decided. Default 64.
    pub namespaces: u16,
    /// Bytes of a namespace name. Default 256.
    pub namespace_name: usize,
    /// Rooms one client is in. Default 10 000.
    pub rooms: usize,
    /// Questions one client has not answered, those to many included. Default 4096, some 250 kB for
    /// a client that never answers.
    pub questions: usize,
    /// PONGs that wait for a connection to take them; of the PINGs that come meanwhile only the latest
    /// is answered (RFC 6455 §5.5.3). Default 16; 0 counts as 1.
    pub pongs: u8,
    /// Memory, in bytes, taken by what waits for one session, from which on [`Config::slow`](crate::Config::slow) says what
    /// becomes of events. Each part of a packet, its text and each attachment, counts with its bytes
    /// and 128 more. A packet is never split: the last one may cross the line. Default 16 MiB.
    pub max_backlog: usize,
    /// Bytes, as they are written, handed to a connection at a time. Default 64 KiB.
    pub low_water: usize,
    /// Packets of one polling answer, or of one POST of a client. Default 16, because Python peers refuse
    /// more; raise it when there are none.
    pub packets_per_poll: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 16 * 1024,
            headers: 96,
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(60),
            idle_time: Duration::from_secs(30),
            least_rate: 1024,
            rate_window: Duration::from_secs(60),
            max_payload: 1_000_000,
            fragments: 16_384,
            packets: 16_384,
            attachments: 10,
            attachment_bytes: 10_000_000,
            attachment_time: Duration::from_secs(60),
            handshakes: 10_000,
            sessions: 1_000_000,
            bytes: 1 << 30,
            namespaces: 64,
            namespace_name: 256,
            rooms: 10_000,
            questions: 4096,
            pongs: 16,
            max_backlog: 16 * 1024 * 1024,
            low_water: 64 * 1024,
            packets_per_poll: 16,
        }
    }
}
