use super::*;
use proptest::prelude::*;

const MASK: [u8; 4] = [1, 2, 3, 4];

/// A frame as a client sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    header::put(&mut out, Op::Binary, payload.len(), Some(MASK));
    out[0] = first;
    let start = out.len();
    out.extend_from_slice(payload);
    mask::apply(&mut out[start..], MASK, 0);
    out
}

/// Everything a server reads from `bytes`, cut into reads of `chunk` bytes.
fn read(bytes: &[u8], chunk: usize) -> Vec<String> {
    read_by(Reader::new(Role::Server), bytes, chunk)
}

fn read_by(mut reader: Reader, bytes: &[u8], chunk: usize) -> Vec<String> {
    let limits = Limits { max_payload: 1000, fragments: 4, ..Limits::default() };
    let mut seen = Vec::new();
    for piece in bytes.chunks(chunk.max(1)) {
        let mut input = piece.to_vec();
        let mut at = 0;
        while at < input.len() {
            let (used, found) = reader.step(&mut input[at..], &limits);
            let show = |place: Place| match place {
                Place::Input(range) => String::from_utf8_lossy(&input[at..][range]).into_owned(),
                Place::Reader => String::from_utf8_lossy(reader.delivered()).into_owned(),
            };
            match found {
                Ok(Found::Nothing) => {}
                Ok(Found::Text(place)) => seen.push(format!("text {}", show(place))),
                Ok(Found::Binary(place)) => seen.push(format!("binary {}", show(place))),
                Ok(Found::Ping(place)) => seen.push(format!("ping {}", show(place))),
                Ok(Found::Pong) => seen.push("pong".into()),
                Ok(Found::Close(code)) => {
                    seen.push(format!("close {:?}", code.map(CloseCode::get)))
                }
                Err(violation) => {
                    seen.push(format!("{violation:?}"));
                    return seen;
                }
            }
            at += used;
        }
    }
    seen
}

#[test]
fn a_whole_message_is_read_in_place() {
    assert_eq!(read(&frame(0x81, b"hello"), 99), ["text hello"]);
    assert_eq!(read(&frame(0x82, b""), 99), ["binary "]);
}

#[test]
fn control_frames_interleave_with_fragments() {
    let mut bytes = frame(0x01, b"one ");
    bytes.extend(frame(0x89, b"are you there"));
    bytes.extend(frame(0x8a, b""));
    bytes.extend(frame(0x00, b"two "));
    bytes.extend(frame(0x80, b"three"));
    bytes.extend(frame(0x88, b"\x03\xe8"));
    let expected = ["ping are you there", "pong", "text one two three", "close Some(1000)"];
    for chunk in 1..bytes.len() {
        assert_eq!(read(&bytes, chunk), expected, "cut every {chunk} bytes");
    }
}

#[test]
fn fragments_out_of_order_are_refused() {
    assert_eq!(read(&frame(0x80, b"x"), 99), ["FragmentOrder"]);
    let mut bytes = frame(0x01, b"x");
    bytes.extend(frame(0x81, b"y"));
    assert_eq!(read(&bytes, 99), ["FragmentOrder"]);
}

#[test]
fn empty_fragments_count() {
    let mut bytes = frame(0x01, b"");
    for _ in 0..4 {
        bytes.extend(frame(0x00, b""));
    }
    assert_eq!(read(&bytes, 99), ["TooManyFragments"]);
}

#[test]
fn a_message_may_be_as_long_as_the_limit_and_no_longer() {
    assert_eq!(read(&frame(0x82, &[b'x'; 1000]), 99).len(), 1);
    assert_eq!(read(&frame(0x82, &[b'x'; 1001]), 9999), ["MessageTooLarge"]);
    let mut bytes = frame(0x02, &[b'x'; 600]);
    bytes.extend(frame(0x80, &[b'x'; 401]));
    assert_eq!(read(&bytes, 99), ["MessageTooLarge"]);
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let mut reader = Reader::new(Role::Server);
    let mut bytes = vec![0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let (_, found) = reader.step(&mut bytes, &Limits::default());
    assert_eq!(found, Err(Violation::MessageTooLarge));
    assert_eq!(reader.bytes_held(), 0);
}

#[test]
fn invalid_utf8_fails_before_the_message_ends() {
    let mut bytes = frame(0x01, b"ok \xce");
    bytes.extend(frame(0x00, b"\xba\xed\xa0"));
    assert_eq!(read(&bytes, 99), ["InvalidUtf8"]);
    assert_eq!(read(&bytes, 1), ["InvalidUtf8"]);
}

#[test]
fn a_character_may_be_split_over_fragments() {
    let mut bytes = frame(0x01, b"\xf0\x9f");
    bytes.extend(frame(0x80, b"\x98\x80"));
    assert_eq!(read(&bytes, 99), ["text 😀"]);
}

#[test]
fn an_unmasked_client_frame_is_refused() {
    assert_eq!(read(&[0x81, 1, b'x'], 99), ["Mask"]);
}

#[test]
fn nothing_is_held_between_messages() {
    let mut reader = Reader::new(Role::Server);
    let limits = Limits::default();
    for byte in frame(0x81, &[b'x'; 500]) {
        let (_, found) = reader.step(&mut [byte], &limits);
        assert!(found.is_ok());
    }
    let mut next = frame(0x81, b"y");
    assert_eq!(reader.step(&mut next, &limits).1, Ok(Found::Text(Place::Input(6..7))));
    assert!(reader.partial.is_none());
}

proptest! {
    #[test]
    fn any_cut_reads_the_same(
        messages in prop::collection::vec((any::<bool>(), "\\PC{0,60}", 1usize..4), 1..6),
        chunk in 1usize..40,
    ) {
        let mut bytes = Vec::new();
        for (text, content, parts) in messages {
            let content = content.as_bytes();
            let size = content.len().div_ceil(parts).max(1);
            let pieces: Vec<&[u8]> =
                if content.is_empty() { vec![&[]] } else { content.chunks(size).collect() };
            for (i, piece) in pieces.iter().enumerate() {
                let op = if i > 0 { 0 } else if text { 1 } else { 2 };
                let fin = if i + 1 == pieces.len() { 0x80 } else { 0 };
                bytes.extend(frame(fin | op, piece));
            }
        }
        prop_assert_eq!(read(&bytes, chunk), read(&bytes, bytes.len()));
    }
}

#[test]
fn reserved_bits_mean_nothing_that_was_not_agreed_on() {
    for first in [0xc1, 0xa1, 0x91, 0x41, 0xc9] {
        assert_eq!(read(&frame(first, b""), 99), ["ReservedBits"], "{first:x}");
    }
}

#[cfg(feature = "compression")]
mod compressed {
    use super::*;
    use crate::deflate::deflater::Deflater;
    use crate::deflate::settings::Packing;

    const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

    fn inflating(context: Context) -> Reader {
        let mut reader = Reader::new(Role::Server);
        reader.inflate(Receiving { window: 15, context });
        reader
    }

    #[test]
    fn only_the_first_frame_of_a_message_says_that_it_is_compressed() {
        let whole = frame(0xc1, HELLO);
        let parts = [
            frame(0x41, &HELLO[..3]),
            frame(0x89, b"?"),
            frame(0x00, b""),
            frame(0x80, &HELLO[3..]),
        ];
        let parts = parts.concat();
        for context in [Context::Dropped, Context::Kept] {
            for chunk in 1..=parts.len() {
                assert_eq!(read_by(inflating(context), &whole, chunk), ["text Hello"]);
                assert_eq!(read_by(inflating(context), &parts, chunk), ["ping ?", "text Hello"]);
            }
            for bad in [
                frame(0xc9, b""),
                frame(0xa1, HELLO),
                frame(0xd1, HELLO),
                frame(0xc0, HELLO),
                [frame(0x41, HELLO), frame(0xc0, b"")].concat(),
                [frame(0x41, HELLO), frame(0xc8, b"")].concat(),
            ] {
                assert_eq!(read_by(inflating(context), &bad, 99), ["ReservedBits"], "{bad:x?}");
            }
        }
    }

    #[test]
    fn messages_refer_to_those_before_only_where_that_was_agreed_on() {
        let again =
            [frame(0xc1, HELLO), frame(0x81, b"plain"), frame(0xc1, b"\xf2\x00\x11\x00\x00")];
        let again = again.concat();
        for chunk in 1..=again.len() {
            let kept = read_by(inflating(Context::Kept), &again, chunk);
            assert_eq!(kept, ["text Hello", "text plain", "text Hello"]);
            let dropped = read_by(inflating(Context::Dropped), &again, chunk);
            assert_eq!(dropped, ["text Hello", "text plain", "InvalidCompression"]);
        }
    }

    #[test]
    fn text_is_checked_as_it_is_read() {
        let packing = Packing { level: 1, memory: 8, window: 15 };
        let mut packed = Vec::new();
        Deflater::new(packing).put(b"ok \xce\xba\xed\xa0", &mut packed).expect("it compresses");
        assert_eq!(read_by(inflating(Context::Kept), &frame(0xc1, &packed), 99), ["InvalidUtf8"]);
        assert_eq!(read_by(inflating(Context::Kept), &frame(0xc2, &packed), 99).len(), 1);
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let packing = Packing { level: 9, memory: 8, window: 15 };
        let mut bomb = Vec::new();
        Deflater::new(packing).put(&[b'x'; 100_000], &mut bomb).expect("it compresses");
        assert!(bomb.len() < 1000);
        for chunk in [1, 10, bomb.len()] {
            let seen = read_by(inflating(Context::Dropped), &frame(0xc1, &bomb), chunk);
            assert_eq!(seen, ["MessageTooLarge"]);
        }
        // What cannot hold a message of the limit is refused when it is announced.
        let announced = [0xc2, 0xfe, 0x10, 0x00, 0, 0, 0, 0];
        assert_eq!(read_by(inflating(Context::Dropped), &announced, 99), ["MessageTooLarge"]);
    }

    #[test]
    fn nothing_is_held_between_messages_that_stand_alone() {
        for (context, held) in [(Context::Dropped, false), (Context::Kept, true)] {
            let mut reader = inflating(context);
            let limits = Limits::default();
            let mut bytes = [frame(0xc1, HELLO), frame(0x81, b"x")].concat();
            let (used, found) = reader.step(&mut bytes, &limits);
            assert_eq!(found, Ok(Found::Text(Place::Reader)));
            assert_eq!(reader.delivered(), b"Hello");
            let (_, found) = reader.step(&mut bytes[used..], &limits);
            assert_eq!(found, Ok(Found::Text(Place::Input(6..7))));
            assert!(reader.is_idle());
            assert_eq!((reader.collected(), reader.bytes_held() > 0), (0, held));
        }
    }

    proptest! {
        #[test]
        fn any_cut_reads_the_same_compressed(
            messages in prop::collection::vec((any::<bool>(), "\\PC{1,60}", 1usize..4), 1..6),
            chunk in 1usize..40,
        ) {
            let packing = Packing { level: 6, memory: 8, window: 9 };
            let mut deflater = Deflater::new(packing);
            let (mut bytes, mut expected) = (Vec::new(), Vec::new());
            for (compresses, content, parts) in messages {
                let (mut packed, mut mark) = (content.clone().into_bytes(), 0);
                if compresses {
                    packed.clear();
                    deflater.put(content.as_bytes(), &mut packed).expect("it compresses");
                    mark = 0x40;
                }
                let pieces: Vec<&[u8]> = packed.chunks(packed.len().div_ceil(parts)).collect();
                for (i, piece) in pieces.iter().enumerate() {
                    let first = if i == 0 { 1 | mark } else { 0 };
                    let fin = if i + 1 == pieces.len() { 0x80 } else { 0 };
                    bytes.extend(frame(fin | first, piece));
                }
                expected.push(format!("text {content}"));
            }
            prop_assert_eq!(read_by(inflating(Context::Kept), &bytes, chunk), expected);
        }
    }
}
