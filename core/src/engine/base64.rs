//! Base64 as clients write it in the `b` packets of a payload (engine.io-protocol v4, "HTTP
//! long-polling", which names no dialect of it).
//!
//! ```text
//! content = *( digit / space ) *2"=" *space     ; not one digit over a multiple of four
//! digit   = ALPHA / DIGIT / "+" / "/" / "-" / "_"
//! space   = CR / LF / TAB / FF / SP
//! ```

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Decodes the content of a `b` packet; `None` when it is not base64.
///
/// Encoders of MIME break lines and end with one, others leave the padding out, use the alphabet of
/// URLs, or leave bits set that no byte needs. Any other character is refused: skipping it would hand
/// over bytes that were not sent.
pub(crate) fn decode(content: &str) -> Option<Vec<u8>> {
    let content = content.trim_ascii_end();
    // As most write it, at several times the speed.
    FAST.decode(content).ok().or_else(|| decode_slowly(content.as_bytes()))
}

const FAST: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cold]
fn decode_slowly(content: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(content.len() / 4 * 3 + 2);
    let (mut group, mut digits, mut padding) = (0_u32, 0_u8, 0);
    for &byte in content {
        match SEXTETS[usize::from(byte)] {
            SPACE => continue,
            PADDING if padding < 2 => padding += 1,
            sextet @ 0..64 if padding == 0 => {
                group = group << 6 | u32::from(sextet);
                digits += 1;
            }
            _ => return None,
        }
        if digits == 4 {
            bytes.extend_from_slice(&group.to_be_bytes()[1..]);
            (group, digits) = (0, 0);
        }
    }
    match digits {
        0 => {}
        2 => bytes.push((group >> 4).to_be_bytes()[3]),
        3 => bytes.extend_from_slice(&(group >> 2).to_be_bytes()[2..]),
        _ => return None,
    }
    Some(bytes)
}

const SPACE: u8 = 64;
const PADDING: u8 = 65;

/// The values of digits in both alphabets, and what else may be there.
const SEXTETS: [u8; 256] = {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 64 {
        values[digits[value as usize] as usize] = value;
        value += 1;
    }
    (values[b'-' as usize], values[b'_' as usize]) = (62, 63);
    values[b'=' as usize] = PADDING;
    let spaces = b"\r\n\t\x0c ";
    let mut at = 0;
    while at < spaces.len() {
        values[spaces[at] as usize] = SPACE;
        at += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    /// Bytes whose base64 has every digit.
    fn pattern(len: u32) -> Vec<u8> {
        (0..len).map(|n| n.wrapping_mul(37).to_le_bytes()[0]).collect()
    }

    /// Breaks lines as MIME encoders do.
    fn wrapped(text: &str, columns: usize, line_break: &str) -> String {
        let lines = text.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).unwrap());
        lines.flat_map(|line| [line, line_break]).collect()
    }

    #[test]
    fn base64_is_read_as_clients_write_it() {
        for (text, bytes) in [
            // android.util.Base64.DEFAULT ends with a line break.
            ("AAEC\n", &[0, 1, 2][..]),
            ("AAE=\n", &[0, 1]),
            ("AA==\n", &[0]),
            ("AAEC\r\n", &[0, 1, 2]),
            ("\n", &[]),
            ("", &[]),
            // Line breaks within, at any place.
            ("AA\nEC", &[0, 1, 2]),
            ("\r\nAAEC\r\n\r\n", &[0, 1, 2]),
            ("A A\tE\x0cC", &[0, 1, 2]),
            ("AA=\n=\n", &[0]),
            ("AAE\n=", &[0, 1]),
            // NO_PADDING.
            ("AA", &[0]),
            ("AAE", &[0, 1]),
            ("A\nA", &[0]),
            // Half of the padding, and too much of it.
            ("AA=", &[0]),
            ("AAEC=", &[0, 1, 2]),
            ("AAE==", &[0, 1]),
            ("=", &[]),
            // Spare bits.
            ("AB==", &[0]),
            ("AAF=", &[0, 1]),
            ("AAF\n=", &[0, 1]),
            // URL_SAFE, and mixed.
            ("-_-_", &[0xfb, 0xff, 0xbf]),
            ("+/-_", &[0xfb, 0xff, 0xbf]),
            ("-_8", &[0xfb, 0xff]),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text:?}");
        }
    }

    #[test]
    fn base64_with_other_characters_or_cut_off_is_refused() {
        for bad in [
            "A",
            "AAECA",
            "AAEC\nA",
            "A===",
            "===",
            "AA===",
            "A\nA===",
            "AA=A",
            "AA==AAEC",
            "!!!",
            "AA!EC",
            "AAEC!",
            "AA\0EC",
            "AA\u{b}EC",
            "AA\u{a0}EC",
            "AA.",
            "AA,EC",
            "é",
            "data:;base64,AAEC",
            "\"AAEC\"",
        ] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_length_survives_every_dialect() {
        for len in 0..200 {
            let bytes = pattern(len);
            let plain = STANDARD.encode(&bytes);
            let url = URL_SAFE_NO_PAD.encode(&bytes);
            for text in [
                wrapped(&plain, 76, "\n"),
                wrapped(&plain, 76, "\r\n"),
                wrapped(&plain, 64, "\n"),
                wrapped(&plain, 1, " "),
                wrapped(&url, 7, "\t"),
                plain.trim_end_matches('=').to_owned(),
                plain,
                url,
            ] {
                assert_eq!(decode(&text).as_ref(), Some(&bytes), "{text:?}");
            }
        }
    }
}
