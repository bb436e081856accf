//! The bodies of the fuzz targets in `fuzz/`: bytes from the fuzzer, and a panic when a promise is
//! broken. Tests replay all seeds through them.

mod answers;
mod binary_sequence;
mod client_ops;
mod cluster_message;
mod conn;
mod deflate;
mod fields;
mod host;
mod http_head;
mod msgpack;
mod node_ops;
mod old_payload;
mod packet;
mod pair;
mod payload;
mod reading;
mod scan;
mod server_ops;
mod shards;
mod webtransport;
mod ws_frames;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets, by name.
pub const TARGETS: [(&str, Target); 19] = [
    ("answers", answers::run),
    ("binary_sequence", binary_sequence::run),
    ("client_ops", client_ops::run),
    ("cluster_message", cluster_message::run),
    ("conn", conn::run),
    ("deflate", deflate::run),
    ("fields", fields::run),
    ("http_head", http_head::run),
    ("msgpack", msgpack::run),
    ("node_ops", node_ops::run),
    ("old_payload", old_payload::run),
    ("packet", packet::run),
    ("pair", pair::run),
    ("payload", payload::run),
    ("scan", scan::run),
    ("server_ops", server_ops::run),
    ("shards", shards::run),
    ("webtransport", webtransport::run),
    ("ws_frames", ws_frames::run),
];

/// Runs the target of that name on an input.
///
/// # Panics
/// When there is no such target, or a promise is broken.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    target(data);
}

/// Cuts bytes into pieces whose lengths follow from a seed; seed 0 leaves them whole.
fn pieces(bytes: &[u8], seed: u8) -> Vec<Vec<u8>> {
    let mut state = u32::from(seed);
    let mut rest = bytes;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        // Xorshift, so that one byte of the input stands for a whole way of cutting.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let short = (state >> 8) as usize % 7 + 1;
        let long = (state >> 16) as usize % 300 + 1;
        let len = match seed {
            0 => rest.len(),
            1 => 1,
            _ if state.is_multiple_of(4) => long,
            _ => short,
        };
        let (piece, after) = rest.split_at(len.min(rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}
