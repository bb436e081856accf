//! Messages out of the bytes of a stream.
//!
//! A message that lies whole in the input is never copied. Only what a read left incomplete is kept, in
//! memory that grows with what arrived, not with what was announced.

use super::header::{self, Header};
use crate::error::Violation;
use crate::parser::MessageKind;
use crate::ws::message::Place;

/// A message, and where its payload lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    pub(crate) kind: MessageKind,
    pub(crate) place: Place,
}

/// Reads messages; one word when nothing is incomplete.
#[derive(Debug, Default)]
pub(crate) struct Reader(Option<Box<Partial>>);

/// What earlier reads left of a message.
#[derive(Debug)]
enum Partial {
    /// Bytes of a header that is not complete.
    Head(Vec<u8>),
    /// A message whose payload is collected. Bounded by the limit of each step.
    Message { header: Header, payload: Vec<u8> },
    /// A message that was handed out, to be dropped at the next step.
    Delivered(Vec<u8>),
}

impl Reader {
    /// Takes one message of at most `limit` bytes off the front of `input` and says how much it used: all of
    /// it when the message is not complete.
    pub(crate) fn step(
        &mut self,
        input: &[u8],
        limit: usize,
    ) -> (usize, Result<Option<Found>, Violation>) {
        match self.0.take().map(|partial| *partial) {
            None | Some(Partial::Delivered(_)) => self.begin(input, limit),
            Some(Partial::Head(head)) => self.go_on(head, input, limit),
            Some(Partial::Message { header, payload }) => self.collect(header, payload, input),
        }
    }

    /// Takes a message from its first byte on.
    fn begin(&mut self, input: &[u8], limit: usize) -> (usize, Result<Option<Found>, Violation>) {
        let Some((header, size)) = Header::parse(input) else {
            if !input.is_empty() {
                self.0 = Some(Box::new(Partial::Head(input.to_vec())));
            }
            return (input.len(), Ok(None));
        };
        if header.len > limit as u64 {
            return (size, Err(Violation::MessageTooLarge));
        }
        let payload = &input[size..];
        match usize::try_from(header.len).ok().filter(|&len| len <= payload.len()) {
            Some(len) => {
                let place = Place::Input(size..size + len);
                (size + len, Ok(Some(Found { kind: header.kind, place })))
            }
            None => {
                let payload = payload.to_vec();
                self.0 = Some(Box::new(Partial::Message { header, payload }));
                (input.len(), Ok(None))
            }
        }
    }

    /// Completes a header.
    fn go_on(
        &mut self,
        mut head: Vec<u8>,
        input: &[u8],
        limit: usize,
    ) -> (usize, Result<Option<Found>, Violation>) {
        let before = head.len();
        head.extend_from_slice(&input[..input.len().min(header::MAX - before)]);
        let Some((header, size)) = Header::parse(&head) else {
            self.0 = Some(Box::new(Partial::Head(head)));
            return (input.len(), Ok(None));
        };
        let used = size - before;
        if header.len > limit as u64 {
            return (used, Err(Violation::MessageTooLarge));
        }
        let (n, found) = self.collect(header, Vec::new(), &input[used..]);
        (used + n, found)
    }

    /// Collects the payload of a message.
    fn collect(
        &mut self,
        header: Header,
        mut payload: Vec<u8>,
        input: &[u8],
    ) -> (usize, Result<Option<Found>, Violation>) {
        let missing = header.len.saturating_sub(payload.len() as u64);
        let here = usize::try_from(missing).unwrap_or(usize::MAX).min(input.len());
        payload.extend_from_slice(&input[..here]);
        if (here as u64) < missing {
            self.0 = Some(Box::new(Partial::Message { header, payload }));
            return (here, Ok(None));
        }
        self.0 = Some(Box::new(Partial::Delivered(payload)));
        (here, Ok(Some(Found { kind: header.kind, place: Place::Reader })))
    }

    /// The message that was collected, until the next step.
    pub(crate) fn delivered(&self) -> &[u8] {
        match self.0.as_deref() {
            Some(Partial::Delivered(payload)) => payload,
            Some(Partial::Head(_) | Partial::Message { .. }) | None => &[],
        }
    }

    /// Bytes that were collected of a message that is not complete.
    pub(crate) fn collected(&self) -> usize {
        match self.0.as_deref() {
            Some(Partial::Message { payload, .. }) => payload.len(),
            Some(Partial::Delivered(_) | Partial::Head(_)) | None => 0,
        }
    }

    /// Bytes of heap memory that are held.
    pub(crate) fn bytes_held(&self) -> usize {
        self.0.as_deref().map_or(0, |partial| {
            let (Partial::Head(bytes)
            | Partial::Message { payload: bytes, .. }
            | Partial::Delivered(bytes)) = partial;
            size_of::<Partial>() + bytes.capacity()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The messages in `stream`, read in pieces of these sizes, in turn.
    fn read(
        stream: &[u8],
        pieces: &[usize],
        limit: usize,
    ) -> Result<Vec<(MessageKind, Vec<u8>)>, Violation> {
        let (mut reader, mut found, mut rest) = (Reader::default(), Vec::new(), stream);
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (mut input, after) = rest.split_at((*piece).clamp(1, rest.len()));
            rest = after;
            loop {
                let (used, step) = reader.step(input, limit);
                let Some(Found { kind, place }) = step? else {
                    assert_eq!(used, input.len());
                    break;
                };
                let payload = match place {
                    Place::Input(range) => input[range].to_vec(),
                    Place::Reader => reader.delivered().to_vec(),
                };
                found.push((kind, payload));
                input = &input[used..];
            }
        }
        Ok(found)
    }

    #[test]
    fn a_message_may_have_the_limit_and_not_a_byte_more() {
        let mut stream = Vec::new();
        header::put(&mut stream, MessageKind::Binary, 200);
        stream.resize(stream.len() + 200, 7);
        for pieces in [[1, 1], [1000, 1], [2, 150]] {
            assert_eq!(read(&stream, &pieces, 200), Ok(vec![(MessageKind::Binary, vec![7; 200])]));
            assert_eq!(read(&stream, &pieces, 199), Err(Violation::MessageTooLarge));
        }
    }

    #[test]
    fn an_announced_length_costs_nothing() {
        let mut reader = Reader::default();
        let (_, found) = reader.step(&[0x7f, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff, 1], usize::MAX);
        assert_eq!(found, Ok(None));
        assert!(reader.bytes_held() < 200, "{}", reader.bytes_held());
        let (_, found) = Reader::default().step(&[0x7f; 9], 1_000_000);
        assert_eq!(found, Err(Violation::MessageTooLarge));
    }

    proptest! {
        #[test]
        fn messages_are_the_same_in_pieces_of_any_size(
            messages in prop::collection::vec((any::<bool>(), 0usize..400), 0..6),
            pieces in prop::collection::vec(1usize..500, 1..8),
        ) {
            let (mut stream, mut expected) = (Vec::new(), Vec::new());
            for (binary, len) in messages {
                let kind = if binary { MessageKind::Binary } else { MessageKind::Text };
                let payload = vec![b'a'; len];
                header::put(&mut stream, kind, len);
                stream.extend_from_slice(&payload);
                expected.push((kind, payload));
            }
            prop_assert_eq!(read(&stream, &pieces, 400), Ok(expected));
        }
    }
}
