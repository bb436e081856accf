//! Packets that wait for a transport.
//!
//! They stay packets until a transport pulls them, so an upgrade hands nothing over and loses
//! nothing. All sessions of a shard share one pool of nodes: an empty outbox owns no memory.
//!
//! Short text packets for one session alone, behind another packet, share a node and an allocation: a run
//! of WebSocket frames, which leaves on a WebSocket as it is, and of which polling sends the payloads.

use super::payload;
use super::terms::Terms;
use crate::link::Next;
use crate::socket::Frame;
use crate::socket::encoded::{PART, Packet, Part};
use crate::ws::header::split_short;

/// One session's queue: a list through the pool.
#[derive(Debug)]
pub(crate) struct Outbox {
    head: u32,
    tail: u32,
    /// What left of the front node: WebSocket messages of a packet, or bytes of a run.
    part: u32,
    /// The cost of the packets in the queue. Bounded by `limits.max_backlog`, checked by the code that pushes.
    bytes: u32,
}

/// The nodes of all outboxes of a shard.
#[derive(Debug)]
pub(crate) struct Pool {
    nodes: Vec<Node>,
    free: u32,
    used: usize,
    /// What all its packets cost.
    bytes: usize,
    /// Bytes that a run may have.
    run: usize,
}

#[derive(Debug)]
struct Node {
    content: Content,
    /// What it was counted with, as far as it is still there.
    cost: u32,
    next: u32,
}

#[derive(Debug)]
enum Content {
    Packet(Packet),
    /// Frames of text, one behind the other. Empty in a node that is free. Bounded by [`Pool::new`].
    Run(Vec<u8>),
}

const _: () = assert!(size_of::<Node>() <= 40, "a node is held per packet that waits");

const END: u32 = u32::MAX;

/// Bytes that a run begins with room for: no more than its first packet is counted with.
const BEGUN: usize = PART;

/// The most bytes of a run.
const RUN: usize = 4096;

/// Nodes for which room is kept.
const KEEP: usize = 4096;

impl Pool {
    /// A connection takes a run as a whole, so runs are no longer than the bytes it is handed at a time,
    /// `low_water`.
    pub(crate) fn new(low_water: usize) -> Self {
        Self { nodes: Vec::new(), free: END, used: 0, bytes: 0, run: low_water.min(RUN) }
    }

    /// How many packets are in it.
    #[cfg(feature = "fuzz")]
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Whether a burst is over of which most of the room is left, though not all: more nodes than
    /// `outboxes`, so that looking through these costs no more than the packets that went.
    pub(crate) fn is_sparse(&self, outboxes: usize) -> bool {
        let nodes = self.nodes.len();
        nodes > KEEP && self.used < nodes / 4 && nodes > outboxes
    }

    /// A pool with room for what is in this one.
    pub(crate) fn smaller(&self) -> Self {
        Self { nodes: Vec::with_capacity(self.used), ..Self::new(self.run) }
    }

    /// What all packets in it cost, in bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn take(&mut self, content: Content, cost: u32) -> u32 {
        self.used += 1;
        self.bytes += cost as usize;
        let node = Node { content, cost, next: END };
        if let Some(free) = self.nodes.get_mut(self.free as usize) {
            let at = self.free;
            self.free = free.next;
            *free = node;
            return at;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("fewer than 2^32 packets fit in memory")
    }

    /// Frees a node; what it was counted with, and the successor.
    fn give(&mut self, at: u32) -> (u32, u32) {
        let Some(node) = self.nodes.get_mut(at as usize) else { return (0, END) };
        let (cost, next) = (node.cost, node.next);
        node.content = Content::Run(Vec::new());
        node.next = self.free;
        self.free = at;
        self.used -= 1;
        self.bytes -= cost as usize;
        // A burst is over: give its memory back.
        if self.used == 0 && self.nodes.len() > KEEP {
            *self = Self::new(self.run);
        }
        (cost, next)
    }
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { head: END, tail: END, part: 0, bytes: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head == END
    }

    /// What the packets in it cost.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// About the memory that the packets in it take; of one that waits for many, its part.
    pub(crate) fn weigh(&self, pool: &Pool) -> usize {
        let first = pool.nodes.get(self.head as usize);
        let nodes = std::iter::successors(first, |node| pool.nodes.get(node.next as usize));
        let weights = nodes.map(|node| match &node.content {
            Content::Packet(packet) => packet.part_of_cost(),
            Content::Run(_) => node.cost as usize,
        });
        weights.sum()
    }

    /// How many nodes it has, and what is in them costs, both counted anew.
    #[cfg(feature = "fuzz")]
    pub(crate) fn census(&self, pool: &Pool) -> (usize, usize) {
        let first = pool.nodes.get(self.head as usize);
        let nodes = std::iter::successors(first, |node| pool.nodes.get(node.next as usize));
        nodes.take(pool.nodes.len() + 1).enumerate().fold((0, 0), |(_, bytes), (n, node)| {
            let left = if n == 0 { self.part as usize } else { 0 };
            let cost = match &node.content {
                Content::Packet(packet) => packet.cost(),
                Content::Run(run) => {
                    let payloads = std::iter::successors(split_short(&run[left..]), |(_, rest)| {
                        split_short(rest)
                    });
                    payloads.map(|(payload, _)| payload.len() + PART).sum()
                }
            };
            (n + 1, bytes + cost)
        })
    }

    #[inline]
    pub(crate) fn push(&mut self, pool: &mut Pool, packet: Packet) {
        let cost = cost(packet.cost());
        self.push_node(pool, Content::Packet(packet), cost);
    }

    /// Queues a short frame of text behind the packets that are there; `false` when there is none. The
    /// frame has `most` bytes at most, and `put` appends it and returns the length of its payload.
    #[inline(always)]
    pub(crate) fn append(
        &mut self,
        pool: &mut Pool,
        most: usize,
        put: impl FnOnce(&mut Vec<u8>) -> usize,
    ) -> bool {
        let Some(mut last) = pool.nodes.get_mut(self.tail as usize) else { return false };
        if !matches!(&last.content, Content::Run(run) if run.len() + most <= pool.run) {
            let run = Vec::with_capacity(BEGUN.max(most));
            self.push_node(pool, Content::Run(run), 0);
            let Some(new) = pool.nodes.get_mut(self.tail as usize) else { return false };
            last = new;
        }
        let Content::Run(run) = &mut last.content else { return false };
        let cost = cost(put(run) + PART);
        last.cost += cost;
        pool.bytes += cost as usize;
        self.bytes = self.bytes.saturating_add(cost);
        true
    }

    fn push_node(&mut self, pool: &mut Pool, content: Content, cost: u32) {
        self.bytes = self.bytes.saturating_add(cost);
        let at = pool.take(content, cost);
        match pool.nodes.get_mut(self.tail as usize) {
            Some(last) => last.next = at,
            None => self.head = at,
        }
        self.tail = at;
    }

    /// Takes the next WebSocket messages: a run at a time.
    #[inline]
    pub(crate) fn next(&mut self, pool: &mut Pool) -> Next {
        let Some(Node { content: Content::Run(run), .. }) = pool.nodes.get_mut(self.head as usize)
        else {
            return self.next_frame(pool).map_or(Next::Nothing, Next::Frame);
        };
        let mut run = std::mem::take(run);
        if self.part > 0 {
            run.drain(..self.part as usize);
        }
        self.pop(pool);
        Next::Frames(run)
    }

    /// Takes the next WebSocket message.
    #[inline(always)]
    pub(crate) fn next_frame(&mut self, pool: &mut Pool) -> Option<Frame> {
        let content = &mut pool.nodes.get_mut(self.head as usize)?.content;
        if !matches!(content, Content::Packet(packet) if packet.parts() == 1) {
            return self.next_part(pool);
        }
        let content = std::mem::replace(content, Content::Run(Vec::new()));
        self.pop(pool);
        match content {
            Content::Packet(packet) => packet.into_frame(),
            Content::Run(_) => None,
        }
    }

    /// Takes the next WebSocket message of a packet of several, or of a run.
    #[inline(never)]
    fn next_part(&mut self, pool: &mut Pool) -> Option<Frame> {
        let part = self.part as usize;
        match &pool.nodes.get(self.head as usize)?.content {
            Content::Packet(packet) => {
                let frame = packet.frame(part);
                self.part += 1;
                if part + 1 >= packet.parts() {
                    self.pop(pool);
                }
                frame
            }
            Content::Run(run) => {
                let (payload, rest) = split_short(&run[part..])?;
                let (frame, left) = (Frame::of_text(payload), rest.len());
                let cost = cost(payload.len() + PART);
                self.pass(pool, cost, left);
                Some(frame)
            }
        }
    }

    /// About how long the packets in it are as a polling payload: more than one, up to `max` bytes.
    pub(crate) fn payload_len(&self, pool: &Pool, max: usize) -> usize {
        let (mut len, mut next) = (0, self.head);
        while let Some(node) = pool.nodes.get(next as usize).filter(|_| len < max) {
            len += match &node.content {
                Content::Packet(packet) => packet.size() + packet.parts(),
                Content::Run(run) => run.len(),
            };
            next = node.next;
        }
        len.min(max)
    }

    /// Appends packets as a polling payload: at most `packets` of them, and no more once `max` bytes
    /// are reached. Returns how many of them may be compressed.
    pub(crate) fn put_polling(
        &mut self,
        pool: &mut Pool,
        out: &mut Vec<u8>,
        terms: Terms,
        packets: usize,
        max: usize,
    ) -> usize {
        let (mut left, mut compressible) = (packets, 0);
        let mut takes = |out: &Vec<u8>, size, parts| {
            let fits = out.len() + size <= max && parts <= left;
            left = left.saturating_sub(parts);
            fits || out.is_empty()
        };
        while let Some(node) = pool.nodes.get(self.head as usize) {
            match &node.content {
                Content::Packet(packet) if takes(out, packet.size(), packet.parts()) => {
                    payload::put(out, terms, packet);
                    compressible += usize::from(!packet.is_plain());
                    self.pop(pool);
                }
                Content::Packet(_) => break,
                Content::Run(run) => {
                    let (mut rest, mut spent) = (&run[self.part as usize..], 0);
                    while let Some((text, after)) = split_short(rest)
                        && takes(out, text.len(), 1)
                    {
                        compressible += 1;
                        payload::put_part(out, terms, Part::Text(text));
                        spent += cost(text.len() + PART);
                        rest = after;
                    }
                    let left = rest.len();
                    self.pass(pool, spent, left);
                    if left > 0 {
                        break;
                    }
                }
            }
        }
        compressible
    }

    /// Changes the packets in it, to others of the same cost.
    pub(crate) fn change(&self, pool: &mut Pool, mut change: impl FnMut(Packet) -> Packet) {
        let mut next = self.head;
        while let Some(node) = pool.nodes.get_mut(next as usize) {
            if let Content::Packet(packet) = &mut node.content {
                *packet = change(packet.clone());
            }
            next = node.next;
        }
    }

    /// Moves its packets from one pool, which is given up, to another.
    pub(crate) fn move_to(&mut self, from: &mut Pool, to: &mut Pool) {
        let mut moved = Self { part: self.part, ..Self::new() };
        while let Some(node) = from.nodes.get_mut(self.head as usize) {
            let content = std::mem::replace(&mut node.content, Content::Run(Vec::new()));
            moved.push_node(to, content, node.cost);
            self.head = node.next;
        }
        *self = moved;
    }

    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        while !self.is_empty() {
            self.pop(pool);
        }
    }

    /// Passes over packets at the front of a run, with as many bytes of the run left behind it.
    fn pass(&mut self, pool: &mut Pool, cost: u32, left: usize) {
        let Some(node) = pool.nodes.get_mut(self.head as usize) else { return };
        let Content::Run(run) = &node.content else { return };
        self.part = u32::try_from(run.len() - left).unwrap_or(0);
        if left == 0 {
            return self.pop(pool);
        }
        node.cost -= cost;
        pool.bytes -= cost as usize;
        self.bytes = self.bytes.saturating_sub(cost);
    }

    fn pop(&mut self, pool: &mut Pool) {
        let (cost, next) = pool.give(self.head);
        self.bytes = self.bytes.saturating_sub(cost);
        self.part = 0;
        self.head = next;
        if next == END {
            *self = Self::new();
        }
    }
}

fn cost(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::terms::Revision;

    fn polling(outbox: &mut Outbox, pool: &mut Pool, packets: usize, max: usize) -> String {
        let mut out = Vec::new();
        outbox.put_polling(pool, &mut out, Terms::of(Revision::V4), packets, max);
        String::from_utf8(out).expect("payloads are text")
    }

    #[test]
    fn packets_leave_in_order_and_within_the_bounds() {
        let (mut pool, mut outbox) = (Pool::new(RUN), Outbox::new());
        for text in ["4a", "4b", "4c", "4long"] {
            outbox.push(&mut pool, Packet::engine(text.as_bytes()));
        }
        assert_eq!(polling(&mut outbox, &mut pool, 2, 100), "4a\u{1e}4b");
        assert_eq!(polling(&mut outbox, &mut pool, 9, 3), "4c");
        assert_eq!(polling(&mut outbox, &mut pool, 9, 3), "4long");
        assert!(outbox.is_empty());
        assert_eq!((outbox.bytes(), pool.bytes(), pool.used), (0, 0, 0));
    }

    fn bytes_of(frame: &Frame) -> Vec<u8> {
        [frame.header(), frame.payload()].concat()
    }

    fn append(outbox: &mut Outbox, pool: &mut Pool, text: &str) -> bool {
        let frame = bytes_of(&Frame::text(text));
        outbox.append(pool, frame.len(), |run| {
            run.extend_from_slice(&frame);
            text.len()
        })
    }

    /// A packet, then short ones that are queued for one session alone.
    fn a_run(pool: &mut Pool, texts: &[&str]) -> Outbox {
        let mut outbox = Outbox::new();
        for text in texts {
            if !append(&mut outbox, pool, text) {
                outbox.push(pool, Packet::engine(text.as_bytes()));
            }
        }
        assert_eq!(outbox.bytes(), texts.iter().map(|text| text.len() + PART).sum::<usize>());
        assert_eq!(pool.bytes(), outbox.bytes());
        outbox
    }

    #[test]
    fn short_packets_behind_another_share_a_node() {
        let long = format!("4{}", "x".repeat(1000));
        let texts: Vec<&str> = ["4a", "4b"].into_iter().chain([&*long; 5]).collect();
        let mut pool = Pool::new(3000);
        let mut outbox = a_run(&mut pool, &texts);
        assert_eq!(pool.used, 4, "a packet, two runs that are full, and another");
        let mut left = Vec::new();
        loop {
            match outbox.next(&mut pool) {
                Next::Frame(frame) => left.push(bytes_of(&frame)),
                Next::Frames(frames) => left.push(frames),
                Next::Nothing | Next::Other => break,
            }
        }
        assert!(left.iter().all(|frames| frames.len() <= 3000));
        let expected: Vec<u8> =
            texts.iter().flat_map(|text| bytes_of(&Frame::text(text))).collect();
        assert_eq!((left.len(), left.concat()), (4, expected));
        assert_eq!((outbox.bytes(), pool.bytes(), pool.used), (0, 0, 0));
    }

    #[test]
    fn a_run_that_left_in_part_goes_on_by_either_transport_and_in_another_pool() {
        let (mut pool, mut fresh) = (Pool::new(RUN), Pool::new(RUN));
        let mut outbox = a_run(&mut pool, &["4a", "4b", "4c", "4long", "4d", "4e"]);
        assert_eq!(polling(&mut outbox, &mut pool, 2, 100), "4a\u{1e}4b");
        assert_eq!(polling(&mut outbox, &mut pool, 9, 3), "4c");
        assert!(append(&mut outbox, &mut pool, "4f"));
        outbox.move_to(&mut pool, &mut fresh);
        assert_eq!((pool.bytes(), fresh.bytes(), fresh.used), (outbox.bytes(), outbox.bytes(), 1));
        let frame = outbox.next_frame(&mut fresh).expect("there are more");
        assert_eq!((frame.is_text(), frame.payload()), (true, &b"4long"[..]));
        assert_eq!(outbox.weigh(&fresh), 3 * (2 + PART));
        let Next::Frames(frames) = outbox.next(&mut fresh) else { panic!("the rest of the run") };
        assert_eq!(frames, b"\x81\x024d\x81\x024e\x81\x024f");
        assert_eq!((outbox.bytes(), fresh.bytes(), fresh.used), (0, 0, 0));
    }

    #[test]
    fn a_burst_gives_its_room_back_although_some_packets_stay() {
        let mut pool = Pool::new(RUN);
        let mut outboxes: Vec<Outbox> = (0..1000).map(|_| Outbox::new()).collect();
        for round in 0..100 {
            for (n, outbox) in outboxes.iter_mut().enumerate() {
                outbox.push(&mut pool, Packet::engine(format!("4{n}.{round}").as_bytes()));
            }
        }
        let parts = [Packet::engine(b"4x"), Packet::engine(b"4y")];
        assert!(!pool.is_sparse(1000));
        outboxes[..995].iter_mut().for_each(|outbox| outbox.clear(&mut pool));
        assert!(pool.is_sparse(1000) && !pool.is_sparse(200_000));
        let mut fresh = pool.smaller();
        outboxes.iter_mut().for_each(|outbox| outbox.move_to(&mut pool, &mut fresh));
        assert_eq!((fresh.used, fresh.nodes.capacity()), (500, 500));
        assert_eq!(fresh.bytes(), outboxes.iter().map(Outbox::bytes).sum::<usize>());
        let last = outboxes.last_mut().expect("there are some");
        for packet in parts {
            last.push(&mut fresh, packet);
        }
        let expected: Vec<String> = (0..100).map(|round| format!("4999.{round}")).collect();
        let all = [&expected[..], &["4x".into(), "4y".into()]].concat().join("\u{1e}");
        assert_eq!(polling(last, &mut fresh, 200, 100_000), all);
        assert!(last.is_empty());
    }

    #[test]
    fn a_packet_that_left_in_part_is_moved_with_what_is_left_of_it() {
        use crate::socket::ArgsRef;
        use crate::socket::encoder::Encoder;
        let attachments = [bytes::Bytes::from_static(b"a"), bytes::Bytes::from_static(b"b")];
        let args = ArgsRef::from_valid("[]", &attachments);
        let packet = Encoder::default().event("/", "x", args, None).packet();
        let (mut pool, mut fresh, mut outbox) = (Pool::new(RUN), Pool::new(RUN), Outbox::new());
        outbox.push(&mut pool, packet);
        outbox.push(&mut pool, Packet::engine(b"4y"));
        assert!(outbox.next_frame(&mut pool).is_some_and(|frame| frame.is_text()));
        outbox.move_to(&mut pool, &mut fresh);
        let left = std::iter::from_fn(|| outbox.next_frame(&mut fresh));
        let left: Vec<_> = left.map(|frame| frame.payload().to_vec()).collect();
        assert_eq!(left, [b"a".to_vec(), b"b".to_vec(), b"4y".to_vec()]);
        assert_eq!(fresh.used, 0);
    }

    #[test]
    fn two_outboxes_share_a_pool_without_mixing() {
        let mut pool = Pool::new(RUN);
        let (mut a, mut b) = (Outbox::new(), Outbox::new());
        for i in 0..3 {
            a.push(&mut pool, Packet::engine(format!("4a{i}").as_bytes()));
            b.push(&mut pool, Packet::engine(format!("4b{i}").as_bytes()));
        }
        assert_eq!(pool.bytes(), a.bytes() + b.bytes());
        b.clear(&mut pool);
        assert_eq!(pool.bytes(), a.bytes());
        let mut seen = Vec::new();
        while let Some(frame) = a.next_frame(&mut pool) {
            seen.push(String::from_utf8_lossy(frame.payload()).into_owned());
        }
        assert_eq!(seen, ["4a0", "4a1", "4a2"]);
        assert_eq!(pool.used, 0);
    }
}
