//! Packets that wait for a transport.
//!
//! They stay packets until a transport pulls them, so an upgrade hands nothing over and loses
//! nothing. All sessions of a shard share one pool of nodes: an empty outbox owns no memory.

use crate::socket::Frame;
use crate::socket::encoded::Packet;

/// One session's queue: a list through the pool.
#[derive(Debug)]
pub(crate) struct Outbox {
    head: u32,
    tail: u32,
    /// WebSocket messages of the front packet that left already.
    part: u32,
    /// What the packets in the queue cost. Bounded by `limits.max_backlog`, checked by whoever pushes.
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

impl Pool {
    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new(), free: END, used: 0, bytes: 0 }
    }

    /// How many packets are in it.
    #[cfg(feature = "fuzz")]
    pub(crate) fn used(&self) -> usize {
        self.used
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
        if self.used == 0 && self.nodes.len() > 4096 {
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
            packet.put_polling(out);
            self.pop(pool);
        }
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

    fn polling(outbox: &mut Outbox, pool: &mut Pool, packets: usize, max: usize) -> String {
        let mut out = Vec::new();
        outbox.put_polling(pool, &mut out, packets, max);
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
