//! Any sequence of texts and binaries: attachments end up in the packet that announced them, in
//! order, or the session ends.

use arbitrary::Unstructured;
use sansocket::{Event, Layer, Reason, Violation};
use std::collections::BTreeSet;

use super::host::Host;

pub(super) fn run(data: &[u8]) {
    let mut host = Host::new(|config| {
        config.layer = Layer::SocketIo;
        config.limits.attachments = 3;
        config.limits.attachment_bytes = 20;
    });
    let link = host.websocket();
    host.join(link, "/");
    let mut input = Unstructured::new(data);
    let mut pending: Option<Pending> = None;
    while let (false, Ok(step)) = (input.is_empty(), Step::read(&mut input)) {
        let expected = step.expected(&mut pending);
        match &step {
            Step::Packet { announced, nums, asks } => {
                host.text(link, &format!("45{announced}-{}{}", asks_id(*asks), json(nums)));
            }
            Step::Binary(bytes) => host.binary(link, bytes),
            Step::Pong => host.text(link, "3"),
            Step::Event => host.text(link, "42[\"plain\"]"),
        }
        host.server.check();
        let events = host.events();
        match expected {
            Expected::Nothing => assert!(events.is_empty(), "{step:?}: {events:?}"),
            Expected::Plain => assert!(matches!(&events[..], [Event::Message { .. }])),
            Expected::Whole(whole) => {
                let [Event::Message { message, ack, .. }] = &events[..] else {
                    panic!("{events:?} instead of {whole:?}")
                };
                assert_eq!(message.attachments(), whole.bytes);
                assert_eq!((message.name(), ack.is_some()), ("x", whole.asks));
            }
            Expected::End(violation) => {
                let [Event::Disconnect { reason: Reason::Violation(found), .. }] = &events[..]
                else {
                    panic!("{events:?} instead of {violation:?}")
                };
                assert_eq!(*found, violation);
                assert_eq!(host.server.counts().bytes, 0);
                return assert_eq!(host.server.counts().sessions, 0);
            }
        }
        let held = host.server.counts().bytes;
        // Four parts at most, each with its overhead.
        assert!(held <= 20 + 300 + 4 * 128, "{held}");
        assert_eq!(held == 0, pending.is_none(), "what is incomplete is counted");
    }
}

#[derive(Debug)]
enum Step {
    Packet { announced: u8, nums: Vec<u8>, asks: bool },
    Binary(Vec<u8>),
    Pong,
    Event,
}

/// A packet that waits for attachments.
#[derive(Debug)]
struct Pending {
    announced: usize,
    bytes: Vec<Vec<u8>>,
    asks: bool,
}

enum Expected {
    Nothing,
    Plain,
    Whole(Pending),
    End(Violation),
}

impl Step {
    fn read(input: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        Ok(match input.int_in_range(0..=7)? {
            0..=2 => {
                let announced = input.int_in_range(0..=5)?;
                let nums = (0..input.int_in_range(0..=4)?)
                    .map(|_| input.int_in_range(0..=4))
                    .collect::<arbitrary::Result<_>>()?;
                Self::Packet { announced, nums, asks: input.arbitrary()? }
            }
            3..=5 => {
                let len = input.int_in_range(0..=11)?;
                Self::Binary(input.bytes(len)?.to_vec())
            }
            6 => Self::Pong,
            _ => Self::Event,
        })
    }

    fn expected(&self, pending: &mut Option<Pending>) -> Expected {
        match self {
            Self::Pong => Expected::Nothing,
            Self::Binary(bytes) => {
                let Some(mut partial) = pending.take() else {
                    return Expected::End(Violation::AttachmentUnexpected);
                };
                partial.bytes.push(bytes.clone());
                if partial.bytes.iter().map(Vec::len).sum::<usize>() > 20 {
                    return Expected::End(Violation::AttachmentsTooLarge);
                }
                if partial.bytes.len() == partial.announced {
                    return Expected::Whole(partial);
                }
                *pending = Some(partial);
                Expected::Nothing
            }
            Self::Packet { .. } | Self::Event if pending.is_some() => {
                Expected::End(Violation::AttachmentsMissing)
            }
            Self::Event => Expected::Plain,
            Self::Packet { announced: 0, .. } => Expected::End(Violation::IllegalAttachments),
            Self::Packet { announced: 4.., .. } => Expected::End(Violation::TooManyAttachments),
            Self::Packet { announced, nums, .. }
                if nums.iter().any(|num| num >= announced)
                    || nums.iter().collect::<BTreeSet<_>>().len() < nums.len() =>
            {
                Expected::End(Violation::IllegalAttachments)
            }
            Self::Packet { announced, asks, .. } => {
                let announced = usize::from(*announced);
                *pending = Some(Pending { announced, bytes: Vec::new(), asks: *asks });
                Expected::Nothing
            }
        }
    }
}

fn asks_id(asks: bool) -> &'static str {
    if asks { "7" } else { "" }
}

/// An event with a placeholder per number, each one deeper than the last.
fn json(nums: &[u8]) -> String {
    let placeholder = |num| format!("{{\"_placeholder\":true,\"num\":{num}}}");
    let nested = nums
        .iter()
        .fold("0".to_owned(), |inner, &num| format!("[{inner},{{\"a\":{}}}]", placeholder(num)));
    format!("[\"x\",{nested}]")
}
