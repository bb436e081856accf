//! Packets that wait: for a transport, or for their namespace to be joined.

use std::collections::VecDeque;

use super::spaces::Namespace;
use crate::engine::terms::{Binary, Revision, Terms};
use crate::engine::{forms, payload};
use crate::slack::{pop_sparing, push_sparing};
use crate::socket::Frame;
use crate::socket::encoded::{Packet, Part};
use crate::time::Tick;

/// A packet that waits.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) packet: Packet,
    pub(super) cargo: Cargo,
}

/// What a packet is worth when its session ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cargo {
    /// The end of the session. It goes alone: the JavaScript server acts upon it before the packets that come
    /// with it.
    Close,
    /// It means something in its session only.
    Control,
    /// An event, which waits for the next session if no byte of it was handed over.
    Event { of: Namespace, id: Option<u64>, until: Tick },
    /// An event that is dropped with its session.
    Volatile,
}

/// Packets in order, of which the first may have left in part.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Bounded by `limits.max_backlog`, or by `config.offline`, checked by the code that pushes.
    items: VecDeque<Item>,
    /// What they cost.
    bytes: usize,
    /// Parts of the first that were taken.
    part: usize,
}

impl Item {
    pub(super) fn control(packet: Packet) -> Self {
        Self { packet, cargo: Cargo::Control }
    }

    /// Bytes of the largest message that it takes: on polling, and in base64, binary of revision 4 is text.
    pub(super) fn largest(&self, revision: Revision, textual: bool) -> usize {
        let parts = (0..self.packet.parts()).filter_map(|n| self.packet.content(n));
        let sizes = parts.map(|part| match (revision, part) {
            (Revision::V3(binary), part) => payload::most_of_v3(part, binary),
            (Revision::V4, Part::Binary(bytes)) if !textual => bytes.len(),
            (Revision::V4, Part::Binary(_) | Part::Text(_)) => payload::part_len(part),
        });
        sizes.max().unwrap_or(0)
    }

    fn is_over(&self, now: Tick) -> bool {
        matches!(self.cargo, Cargo::Event { until, .. } if until <= now)
    }
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, item: Item) {
        self.bytes += item.packet.cost();
        push_sparing(&mut self.items, item);
    }

    /// Lets `pop` and `push_front` be used although the first packet left in part: its rest becomes the
    /// first packet.
    pub(super) fn resume(&mut self) {
        if self.part == 0 {
            return;
        }
        let Some(item) = self.items.pop_front() else { return };
        let rest = (self.part..item.packet.parts()).filter_map(|n| item.packet.alone(n));
        self.bytes -= item.packet.cost();
        self.part = 0;
        for packet in rest.collect::<Vec<_>>().into_iter().rev() {
            self.push_front(Item::control(packet));
        }
    }

    /// Puts a packet before all others, none of which has left in part.
    pub(super) fn push_front(&mut self, item: Item) {
        debug_assert_eq!(self.part, 0, "what has left in part stays first");
        self.bytes += item.packet.cost();
        self.items.push_front(item);
    }

    /// Takes the next whole packet.
    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = pop_sparing(&mut self.items)?;
        self.bytes -= item.packet.cost();
        self.part = 0;
        Some(item)
    }

    /// Takes the next WebSocket message.
    pub(super) fn next_frame(&mut self, now: Tick) -> Option<Frame> {
        self.skip_over(now);
        let packet = &self.items.front()?.packet;
        if packet.parts() == 1 {
            return self.pop()?.packet.into_frame();
        }
        let frame = packet.frame(self.part);
        self.step();
        frame
    }

    /// Takes what fits into a POST: so many messages and bytes at most, and one message at least.
    pub(super) fn next_payload(
        &mut self,
        now: Tick,
        revision: Revision,
        messages: usize,
        most: usize,
    ) -> Vec<u8> {
        match revision {
            Revision::V3(binary) => self.next_payload_of_v3(now, binary, messages, most),
            Revision::V4 => self.next_payload_of_v4(now, messages, most),
        }
    }

    fn next_payload_of_v3(
        &mut self,
        now: Tick,
        binary: Binary,
        messages: usize,
        most: usize,
    ) -> Vec<u8> {
        let terms = Terms::of(Revision::V3(binary));
        let (mut out, mut count, mut length) = (Vec::new(), 0, 0_usize);
        loop {
            self.skip_over(now);
            let Some(item) = self.items.front() else { return out };
            let Some(part) = item.packet.content(self.part) else { return out };
            let closes = item.cargo == Cargo::Close;
            length = length.saturating_add(payload::most_of_v3(part, binary));
            if count > 0 && (closes || count >= messages || length > most) {
                return out;
            }
            match part {
                Part::Text(_) => payload::put_part(&mut out, terms, part),
                Part::Binary(bytes) => {
                    let packet = forms::typed(&Packet::engine_binary(bytes), binary);
                    payload::put(&mut out, terms, &packet);
                }
            }
            count += 1;
            self.step();
        }
    }

    fn next_payload_of_v4(&mut self, now: Tick, messages: usize, most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut count = 0;
        loop {
            self.skip_over(now);
            let Some(item) = self.items.front() else { return out };
            let Some(part) = item.packet.content(self.part) else { return out };
            let length = payload::part_len(part);
            let closes = item.cargo == Cargo::Close;
            if count > 0 && (closes || count >= messages || out.len() + 1 + length > most) {
                return out;
            }
            payload::put_separated(&mut out, part);
            count += 1;
            self.step();
        }
    }

    /// Takes out the event of that id, unless it has left in part.
    pub(super) fn withdraw(&mut self, namespace: Namespace, id: u64) -> Option<Item> {
        let wanted = |cargo: &Cargo| matches!(cargo, Cargo::Event { of, id: Some(found), .. } if *of == namespace && *found == id);
        let at = self.items.iter().position(|item| wanted(&item.cargo))?;
        if at == 0 && self.part > 0 {
            return None;
        }
        let item = self.items.remove(at)?;
        self.bytes -= item.packet.cost();
        Some(item)
    }

    /// Empties it; the whole events in it are given to `keep`, the last one first.
    pub(super) fn drain(&mut self, mut keep: impl FnMut(Namespace, Item)) {
        if self.part > 0 {
            self.pop();
        }
        while let Some(item) = self.items.pop_back() {
            if let Cargo::Event { of, .. } = item.cargo {
                keep(of, item);
            }
        }
        *self = Self::default();
    }

    /// The packets, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    /// Drops events at the front that can no longer be sent in time.
    fn skip_over(&mut self, now: Tick) {
        while self.part == 0 && self.items.front().is_some_and(|item| item.is_over(now)) {
            self.pop();
        }
    }

    /// Counts a part as taken.
    fn step(&mut self) {
        self.part += 1;
        if self.items.front().is_some_and(|item| self.part >= item.packet.parts()) {
            self.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::ArgsRef;
    use crate::socket::encoder::Encoder;
    use bytes::Bytes;

    const NOW: Tick = Tick::START;

    fn queue() -> Queue {
        let mut queue = Queue::default();
        for text in ["4a", "4b"] {
            queue.push(Item::control(Packet::engine(text.as_bytes())));
        }
        let attachments = [Bytes::from_static(b"\x01\x02\x03"), Bytes::from_static(b"x")];
        let args = ArgsRef::from_valid("[]", &attachments);
        queue.push(Item::control(Encoder::default().event("/", "x", args, None).packet()));
        queue
    }

    fn payloads(messages: usize, most: usize) -> Vec<String> {
        let mut queue = queue();
        let payloads = std::iter::from_fn(|| {
            (!queue.is_empty()).then(|| queue.next_payload(NOW, Revision::V4, messages, most))
        });
        let payloads =
            payloads.map(|bytes| String::from_utf8(bytes).expect("it is text")).collect();
        assert_eq!(queue.bytes(), 0);
        payloads
    }

    #[test]
    fn c85_posts_are_split_to_what_a_server_takes() {
        let all = "4a\u{1e}4b\u{1e}452-[\"x\"]\u{1e}bAQID\u{1e}beA==";
        assert_eq!(payloads(16, 1000), [all]);
        assert_eq!(payloads(16, all.len()), [all]);
        let (first, last) = all.rsplit_once('\u{1e}').expect("there are several");
        assert_eq!(payloads(16, all.len() - 1), [first, last], "one byte too many");
        assert_eq!(payloads(2, 1000), ["4a\u{1e}4b", "452-[\"x\"]\u{1e}bAQID", "beA=="]);
        assert_eq!(payloads(16, 1).len(), 5, "a single message goes alone, whatever its size");
    }

    #[test]
    fn c61_what_left_in_part_is_not_kept() {
        let mut queue = queue();
        let frames: Vec<_> = (0..3).filter_map(|_| queue.next_frame(NOW)).collect();
        assert_eq!(frames.len(), 3);
        queue.drain(|_, _| panic!("nothing of it was an event for later"));
        assert!(queue.is_empty() && queue.next_frame(NOW).is_none());
    }
}
