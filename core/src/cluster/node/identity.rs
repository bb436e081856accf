//! The name of a process on the bus.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::cluster::bus::Format;
use crate::rng::Rng;

/// Draws a name: 128 random bits, as far as the format has room for them.
pub(super) fn draw(format: Format, rng: &mut Rng) -> Box<str> {
    let bits = u128::from_be_bytes(rng.bytes());
    match format {
        Format::Classic => URL_SAFE_NO_PAD.encode(&bits.to_be_bytes()[..6])[..6].into(),
        Format::Sharded | Format::Streams => format!("{bits:032x}")[..16].into(),
        Format::Python | Format::Native => format!("{bits:032x}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k07_names_are_random_and_as_long_as_the_format_has_them() {
        let lengths = [
            (Format::Python, 32),
            (Format::Classic, 6),
            (Format::Sharded, 16),
            (Format::Streams, 16),
            (Format::Native, 32),
        ];
        for (format, length) in lengths {
            let names = [1, 1, 2].map(|seed| draw(format, &mut Rng::new([seed; 32], 0)));
            assert_eq!(names[0].len(), length, "{format}");
            assert_eq!(names[0], names[1], "{format}");
            assert_ne!(names[0], names[2], "{format}");
        }
    }
}
