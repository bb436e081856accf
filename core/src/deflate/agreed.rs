//! What both ends agree on: offers, and the answer to them (RFC 7692 §5, §7.1).

use std::num::NonZeroU8;

use super::deflater::Deflater;
use super::inflater::Inflater;
use super::parameters::{self, Bits, NAME, Parameters};
use super::settings::{Deflate, Packing, window};
use crate::error::Violation;

/// What both ends of a connection agreed on, as one of them sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Agreed {
    /// Bytes of a message from which it is compressed.
    pub(crate) threshold: usize,
    pub(crate) sending: Sending,
    pub(crate) receiving: Receiving,
}

/// How this end compresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Sending {
    pub(crate) packing: Packing,
    pub(crate) context: Context,
}

/// How the peer compresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Receiving {
    pub(crate) window: u8,
    pub(crate) context: Context,
}

/// What becomes of the context of a message when it ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Context {
    Dropped,
    /// Later messages refer to it.
    Kept,
}

impl Context {
    fn of(no_takeover: bool) -> Self {
        if no_takeover { Self::Dropped } else { Self::Kept }
    }
}

impl Agreed {
    /// The window in which messages are compressed that do not refer to each other.
    pub(crate) fn window(&self) -> Option<NonZeroU8> {
        match self.sending.context {
            Context::Dropped => NonZeroU8::new(self.sending.packing.window),
            Context::Kept => None,
        }
    }

    /// The most memory, in bytes, that is held between two messages.
    pub(crate) fn context_bytes(&self) -> usize {
        let Self { sending, receiving, .. } = self;
        let kept = |context, bytes| if context == Context::Kept { bytes } else { 0 };
        kept(sending.context, Deflater::memory(sending.packing))
            + kept(receiving.context, Inflater::memory(receiving.window))
    }
}

/// Chooses the first of the offers of a client that can be met, if one is made: what is agreed on, and the
/// field that says so.
pub(crate) fn accept(offers: &str, settings: &Deflate) -> Option<(Agreed, String)> {
    let mut offers = parameters::extensions(offers).filter(|(name, _)| *name == NAME);
    offers.find_map(|(_, offer)| meet(parameters::parse(offer)?, settings))
}

fn meet(offer: Parameters, settings: &Deflate) -> Option<(Agreed, String)> {
    // A window of 256 bytes is none that can be compressed in.
    if !ENABLED || offer.server_max_window_bits == Some(8) {
        return None;
    }
    let server = window(settings.server_max_window_bits);
    let server = offer.server_max_window_bits.map_or(server, |most| most.min(server));
    let limit = window(settings.client_max_window_bits);
    let client = match offer.client_max_window_bits {
        None if limit < 15 => return None,
        None | Some(Bits::Any) => limit,
        Some(Bits::Most(most)) => most.min(limit),
    };
    let server_drops = settings.server_no_context_takeover || offer.server_no_context_takeover;
    let client_drops = settings.client_no_context_takeover || offer.client_no_context_takeover;
    let mut answer = String::from(NAME);
    put_flag(&mut answer, "server_no_context_takeover", server_drops);
    put_flag(&mut answer, "client_no_context_takeover", client_drops);
    if server < 15 || offer.server_max_window_bits.is_some() {
        put_bits(&mut answer, "server_max_window_bits", server);
    }
    if client < 15 {
        put_bits(&mut answer, "client_max_window_bits", client);
    }
    let agreed = Agreed {
        threshold: settings.threshold,
        sending: Sending { packing: settings.packing(server), context: Context::of(server_drops) },
        receiving: Receiving { window: window(client), context: Context::of(client_drops) },
    };
    Some((agreed, answer))
}

/// The offer of a client.
pub(crate) fn offer(settings: &Deflate) -> Option<String> {
    let mut offer = String::from(NAME);
    put_flag(&mut offer, "server_no_context_takeover", settings.server_no_context_takeover);
    put_flag(&mut offer, "client_no_context_takeover", settings.client_no_context_takeover);
    let server = window(settings.server_max_window_bits);
    if server < 15 {
        put_bits(&mut offer, "server_max_window_bits", server);
    }
    match window(settings.client_max_window_bits) {
        15 => put_flag(&mut offer, "client_max_window_bits", true),
        bits => put_bits(&mut offer, "client_max_window_bits", bits),
    }
    ENABLED.then_some(offer)
}

/// Reads the extensions that the answer to an [`offer`] names: nothing but that one, once, as it was offered.
pub(crate) fn accepted(answer: &str, settings: &Deflate) -> Result<Agreed, Violation> {
    let mut extensions = parameters::extensions(answer);
    let (Some((NAME, parameters)), None) = (extensions.next(), extensions.next()) else {
        return Err(Violation::InvalidAccept);
    };
    let answer = parameters::parse(parameters).ok_or(Violation::InvalidAccept)?;
    let most = window(settings.server_max_window_bits);
    let server = match answer.server_max_window_bits {
        Some(bits) if bits <= most => bits,
        None if most == 15 => most,
        Some(_) | None => return Err(Violation::InvalidAccept),
    };
    let client = match answer.client_max_window_bits {
        Some(Bits::Most(bits)) => bits.min(settings.client_max_window_bits),
        None => settings.client_max_window_bits,
        Some(Bits::Any) => return Err(Violation::InvalidAccept),
    };
    if settings.server_no_context_takeover && !answer.server_no_context_takeover {
        return Err(Violation::InvalidAccept);
    }
    let client_drops = settings.client_no_context_takeover || answer.client_no_context_takeover;
    Ok(Agreed {
        // A window of 256 bytes is none that can be compressed in: messages go as they are.
        threshold: if client == 8 { usize::MAX } else { settings.threshold },
        sending: Sending { packing: settings.packing(client), context: Context::of(client_drops) },
        receiving: Receiving {
            window: window(server),
            context: Context::of(answer.server_no_context_takeover),
        },
    })
}

fn put_flag(out: &mut String, name: &str, given: bool) {
    if given {
        out.push_str("; ");
        out.push_str(name);
    }
}

fn put_bits(out: &mut String, name: &str, bits: u8) {
    put_flag(out, name, true);
    out.push('=');
    out.push_str(&bits.to_string());
}

/// Whether this build compresses at all.
const ENABLED: bool = cfg!(feature = "compression");

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;

    const KEEPING: Deflate = Deflate {
        threshold: 1024,
        level: 1,
        memory: 8,
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };

    fn answer(offers: &str, settings: Deflate) -> Option<String> {
        accept(offers, &settings).map(|(_, answer)| answer)
    }

    #[test]
    fn an_offer_is_answered_as_the_settings_say() {
        let limited = Deflate { server_max_window_bits: 12, client_max_window_bits: 11, ..KEEPING };
        let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        for (offers, settings, expected) in [
            ("permessage-deflate", KEEPING, "permessage-deflate"),
            ("permessage-deflate", Deflate::default(), both),
            ("permessage-deflate; client_max_window_bits", KEEPING, "permessage-deflate"),
            (
                "permessage-deflate; client_no_context_takeover",
                KEEPING,
                "permessage-deflate; client_no_context_takeover",
            ),
            (
                "permessage-deflate; server_no_context_takeover",
                KEEPING,
                "permessage-deflate; server_no_context_takeover",
            ),
            (
                "permessage-deflate; server_max_window_bits=15",
                KEEPING,
                "permessage-deflate; server_max_window_bits=15",
            ),
            (
                "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
                KEEPING,
                "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9",
            ),
            (
                "permessage-deflate; server_max_window_bits=13; client_max_window_bits=13",
                limited,
                "permessage-deflate; server_max_window_bits=12; client_max_window_bits=11",
            ),
            (
                "permessage-deflate; client_max_window_bits",
                limited,
                "permessage-deflate; server_max_window_bits=12; client_max_window_bits=11",
            ),
            (
                "permessage-deflate; client_max_window_bits=8",
                KEEPING,
                "permessage-deflate; client_max_window_bits=8",
            ),
        ] {
            assert_eq!(answer(offers, settings).as_deref(), Some(expected), "{offers}");
        }
    }

    #[test]
    fn the_first_offer_that_can_be_met_is_chosen() {
        for (offers, expected) in [
            (
                "permessage-deflate; x, permessage-deflate; server_no_context_takeover, permessage-deflate",
                "permessage-deflate; server_no_context_takeover",
            ),
            (
                "permessage-deflate; server_max_window_bits=8, permessage-deflate",
                "permessage-deflate",
            ),
            ("x-webkit-deflate-frame, permessage-deflate", "permessage-deflate"),
            ("a; b=\"permessage-deflate,\", permessage-deflate ;", ""),
            ("constructor", ""),
            ("Permessage-Deflate", ""),
            ("permessage-deflate; server_max_window_bits=99; x=\"", ""),
            ("permessage-deflate; server_max_window_bits", ""),
            ("", ""),
        ] {
            assert_eq!(answer(offers, KEEPING).unwrap_or_default(), expected, "{offers}");
        }
        let limited = Deflate { client_max_window_bits: 14, ..KEEPING };
        assert_eq!(answer("permessage-deflate", limited), None, "this client cannot be limited");
    }

    #[test]
    fn both_ends_agree_on_the_same() {
        let settings = [9, 12, 15].into_iter().flat_map(|server_max_window_bits| {
            [false, true].into_iter().map(move |drops| Deflate {
                server_max_window_bits,
                server_no_context_takeover: drops,
                client_max_window_bits: 24 - server_max_window_bits,
                client_no_context_takeover: server_max_window_bits == 12,
                ..KEEPING
            })
        });
        let settings: Vec<Deflate> = settings.collect();
        for server in &settings {
            for client in &settings {
                let offer = offer(client).expect("it is offered");
                let (ours, answer) = accept(&offer, server).expect("it can be met");
                let theirs = accepted(&answer, client).expect("it is what was offered");
                assert_eq!(ours.sending.packing.window, theirs.receiving.window, "{answer}");
                assert_eq!(ours.receiving.window, theirs.sending.packing.window, "{answer}");
                assert_eq!(ours.sending.context, theirs.receiving.context, "{answer}");
                assert_eq!(ours.receiving.context, theirs.sending.context, "{answer}");
            }
        }
    }

    #[test]
    fn an_answer_that_was_not_offered_is_refused() {
        let limited = Deflate { server_max_window_bits: 12, ..KEEPING };
        for (answer, settings) in [
            ("", KEEPING),
            ("x", KEEPING),
            ("permessage-deflate; x", KEEPING),
            ("permessage-deflate, permessage-deflate", KEEPING),
            ("permessage-deflate; client_max_window_bits", KEEPING),
            ("permessage-deflate; server_max_window_bits=16", KEEPING),
            ("permessage-deflate", limited),
            ("permessage-deflate; server_max_window_bits=13", limited),
            ("permessage-deflate", Deflate::default()),
        ] {
            assert_eq!(accepted(answer, &settings), Err(Violation::InvalidAccept), "{answer}");
        }
        let tiny = accepted("permessage-deflate; client_max_window_bits=8", &KEEPING);
        assert_eq!(tiny.map(|agreed| agreed.threshold), Ok(usize::MAX), "it goes as it is");
        let small = accepted("permessage-deflate; server_max_window_bits=8", &KEEPING);
        assert_eq!(small.map(|agreed| agreed.receiving.window), Ok(9), "a larger window reads it");
    }
}
