//! Packets that wait for a transport.
//!
//! They stay packets until a transport pulls them, so an upgrade hands nothing over and loses
//! nothing. All sessions of a shard share one pool of nodes: an empty outbox owns no memory.

use super::payload;
use super::terms::Terms;
use crate::socket::Frame;
use crate::socket::encoded::Packet;

/// One session's queue: a list through the pool.
#[derive(Debug)]
pub(crate) struct Outbox {
    head: u32,
    tail: u32,
    /// WebSocket messages of the front packet that left already.
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
}

#[derive(Debug)]
struct Node {
    packet: Option<Packet>,
    /// What the packet was counted with.
    cost: u32,
    next: u32,
}

const _: () = assert!(size_of::<Node>() <= 40, "a node is held per packet that waits");

const END: u32 = u32::MAX;

/// Nodes for which room is kept.
const KEEP: usize = 4096;

impl Pool {
    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new(), free: END, used: 0, bytes: 0 }
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
        Self { nodes: Vec::with_capacity(self.used), ..Self::new() }
    }

    /// What all packets in it cost, in bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn take(&mut self, packet: Packet, cost: u32) -> u32 {
        self.used += 1;
        self.bytes += cost as usize;
        let node = Node { packet: Some(packet), cost, next: END };
        if let Some(free) = self.nodes.get_mut(self.free as usize) {
            let at = self.free;
            self.free = free.next;
            *free = node;
            return at;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("fewer than 2^32 packets fit in memory")
    }

    /// Frees a node; what its packet was counted with, and the successor.
    fn give(&mut self, at: u32) -> (u32, u32) {
        let Some(node) = self.nodes.get_mut(at as usize) else { return (0, END) };
        let (cost, next) = (node.cost, node.next);
        node.packet = None;
        node.next = self.free;
        self.free = at;
        self.used -= 1;
        self.bytes -= cost as usize;
        // A burst is over: give its memory back.
        if self.used == 0 && self.nodes.len() > KEEP {
            *self = Self::new();
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
        nodes.filter_map(|node| node.packet.as_ref()).map(Packet::part_of_cost).sum()
    }

    /// How many packets are in it, and what they cost, both counted anew.
    #[cfg(feature = "fuzz")]
    pub(crate) fn census(&self, pool: &Pool) -> (usize, usize) {
        let first = pool.nodes.get(self.head as usize);
        let nodes = std::iter::successors(first, |node| pool.nodes.get(node.next as usize));
        nodes.take(pool.nodes.len() + 1).fold((0, 0), |(count, bytes), node| {
            (count + 1, bytes + node.packet.as_ref().map_or(0, Packet::cost))
        })
    }

    pub(crate) fn push(&mut self, pool: &mut Pool, packet: Packet) {
        let cost = cost(&packet);
        self.bytes = self.bytes.saturating_add(cost);
        let at = pool.take(packet, cost);
        match pool.nodes.get_mut(self.tail as usize) {
            Some(last) => last.next = at,
            None => self.head = at,
        }
        self.tail = at;
    }

    /// Takes the next WebSocket message.
    pub(crate) fn next_frame(&mut self, pool: &mut Pool) -> Option<Frame> {
        let place = &mut pool.nodes.get_mut(self.head as usize)?.packet;
        let packet = place.as_ref()?;
        let part = self.part as usize;
        if packet.parts() == 1 {
            let frame = place.take()?.into_frame();
            self.pop(pool);
            return frame;
        }
        let frame = packet.frame(part);
        self.part += 1;
        if part + 1 >= packet.parts() {
            self.pop(pool);
        }
        frame
    }

    /// Appends packets as a polling payload: at most `packets` of them, and no more once `max` bytes
    /// are reached.
    pub(crate) fn put_polling(
        &mut self,
        pool: &mut Pool,
        out: &mut Vec<u8>,
        terms: Terms,
        packets: usize,
        max: usize,
    ) {
        let mut left = packets;
        while let Some(node) = pool.nodes.get(self.head as usize) {
            let Some(packet) = &node.packet else { return };
            let fits = out.len() + packet.size() <= max && packet.parts() <= left;
            if !out.is_empty() && !fits {
                return;
            }
            left = left.saturating_sub(packet.parts());
            payload::put(out, terms, packet);
            self.pop(pool);
        }
    }

    /// Moves its packets from one pool, which is given up, to another.
    pub(crate) fn move_to(&mut self, from: &mut Pool, to: &mut Pool) {
        let mut moved = Self { part: self.part, ..Self::new() };
        while let Some(Node { packet, next, .. }) = from.nodes.get_mut(self.head as usize) {
            if let Some(packet) = packet.take() {
                moved.push(to, packet);
            }
            self.head = *next;
        }
        *self = moved;
    }

    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        while !self.is_empty() {
            self.pop(pool);
        }
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

fn cost(packet: &Packet) -> u32 {
    u32::try_from(packet.cost()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::terms::Revision;

    fn polling(outbox: &mut Outbox, pool: &mut Pool, packets: usize, max: usize) -> String {
        let mut out = Vec::new();
        outbox.put_polling(pool, &mut out, Terms { revision: Revision::V4 }, packets, max);
        String::from_utf8(out).expect("payloads are text")
    }

    #[test]
    fn packets_leave_in_order_and_within_the_bounds() {
        let (mut pool, mut outbox) = (Pool::new(), Outbox::new());
        for text in ["4a", "4b", "4c", "4long"] {
            outbox.push(&mut pool, Packet::engine(text.as_bytes()));
        }
        assert_eq!(polling(&mut outbox, &mut pool, 2, 100), "4a\u{1e}4b");
        assert_eq!(polling(&mut outbox, &mut pool, 9, 3), "4c");
        assert_eq!(polling(&mut outbox, &mut pool, 9, 3), "4long");
        assert!(outbox.is_empty());
        assert_eq!((outbox.bytes(), pool.bytes(), pool.used), (0, 0, 0));
    }

    #[test]
    fn a_burst_gives_its_room_back_although_some_packets_stay() {
        let mut pool = Pool::new();
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
        use crate::socket::encoded::Encoder;
        let attachments = [bytes::Bytes::from_static(b"a"), bytes::Bytes::from_static(b"b")];
        let args = ArgsRef::from_valid("[]", &attachments);
        let packet = Encoder::default().event("/", "x", args, None);
        let (mut pool, mut fresh, mut outbox) = (Pool::new(), Pool::new(), Outbox::new());
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
        let mut pool = Pool::new();
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
