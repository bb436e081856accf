//! Content codings: which one a client takes, compressing for it, and reading what was compressed
//! (RFC 9110 §8.4.1, §12.5.3).

use bytes::Bytes;

use crate::error::Violation;

/// A coding that bodies of answers are compressed with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Coding {
    /// The zlib format, which is what `deflate` names.
    Deflate,
    Gzip,
}

/// What a client says of the codings that matter here: weights in thousandths.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Accept {
    deflate: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    /// Whatever is not named, `*`.
    rest: Option<u16>,
}

/// Whether this build compresses at all.
pub(crate) const ENABLED: bool = cfg!(feature = "compression");

impl Coding {
    /// Reads a `Content-Encoding`; `None` when the body is as it is.
    pub(crate) fn of(value: &[u8]) -> Result<Option<Self>, Violation> {
        match value {
            [] => Ok(None),
            _ if value.eq_ignore_ascii_case(b"identity") => Ok(None),
            _ if !ENABLED => Err(Violation::UnsupportedCoding),
            _ if value.eq_ignore_ascii_case(b"deflate") => Ok(Some(Self::Deflate)),
            _ if value.eq_ignore_ascii_case(b"gzip") => Ok(Some(Self::Gzip)),
            _ if value.eq_ignore_ascii_case(b"x-gzip") => Ok(Some(Self::Gzip)),
            [..] => Err(Violation::UnsupportedCoding),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deflate => "deflate",
            Self::Gzip => "gzip",
        }
    }
}

impl Accept {
    /// Reads one `Accept-Encoding` field; several count as one list.
    ///
    /// ```text
    /// list = [ item *( "," item ) ]      item = coding [ ";q=" weight ]
    /// ```
    pub(crate) fn read(&mut self, value: &[u8]) {
        for item in value.split(|&byte| byte == b',') {
            let mut parts = item.split(|&byte| byte == b';');
            let coding = parts.next().unwrap_or_default().trim_ascii();
            let which = match coding.len() {
                1 if coding == b"*" => &mut self.rest,
                4 if coding.eq_ignore_ascii_case(b"gzip") => &mut self.gzip,
                6 if coding.eq_ignore_ascii_case(b"x-gzip") => &mut self.gzip,
                7 if coding.eq_ignore_ascii_case(b"deflate") => &mut self.deflate,
                8 if coding.eq_ignore_ascii_case(b"identity") => &mut self.identity,
                _ => continue,
            };
            *which = Some(parts.next().map_or(1000, weight));
        }
    }

    /// The coding the client likes best, `None` for none at all. Of two it likes the same, the one
    /// that saves more.
    pub(crate) fn coding(self) -> Option<Coding> {
        let plain = self.identity.unwrap_or(0);
        let likes = |named: Option<u16>| named.or(self.rest).unwrap_or(0);
        let (gzip, deflate) = (likes(self.gzip), likes(self.deflate));
        if gzip.max(deflate) == 0 || gzip.max(deflate) < plain {
            return None;
        }
        Some(if deflate > gzip { Coding::Deflate } else { Coding::Gzip })
    }
}

/// `q=` and up to three decimals, in thousandths; what is malformed is not wanted.
fn weight(parameter: &[u8]) -> u16 {
    let Some((name, [whole, rest @ ..])) = parameter.trim_ascii().split_at_checked(2) else {
        return 0;
    };
    let decimals = match rest {
        [] => rest,
        [b'.', decimals @ ..] if decimals.len() <= 3 => decimals,
        [..] => return 0,
    };
    if !name.eq_ignore_ascii_case(b"q=")
        || !matches!(whole, b'0' | b'1')
        || !decimals.iter().all(u8::is_ascii_digit)
    {
        return 0;
    }
    let scales = [100, 10, 1];
    let fraction: u16 =
        decimals.iter().zip(scales).map(|(digit, scale)| u16::from(digit - b'0') * scale).sum();
    (u16::from(whole - b'0') * 1000 + fraction).min(1000)
}

/// Whether a body of that media type is text that compresses.
pub(crate) fn is_compressible(media: &str) -> bool {
    let name = media.split(';').next().unwrap_or_default().trim();
    let (kind, of) = name.split_once('/').unwrap_or((name, ""));
    let suffix = of.rsplit('+').next().unwrap_or(of);
    kind.eq_ignore_ascii_case("text")
        || ["javascript", "json", "xml"].iter().any(|text| suffix.eq_ignore_ascii_case(text))
}

/// The body compressed, when that makes it smaller. Quickly rather than well: answers are made
/// while a client waits for them.
#[cfg(feature = "compression")]
pub(crate) fn compressed(coding: Coding, body: &[u8]) -> Option<Bytes> {
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write as _;

    let out = Vec::with_capacity(body.len() / 2);
    let out = match coding {
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(out, Compression::fast());
            encoder.write_all(body).ok()?;
            encoder.finish().ok()?
        }
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(out, Compression::fast());
            encoder.write_all(body).ok()?;
            encoder.finish().ok()?
        }
    };
    (out.len() < body.len()).then(|| out.into())
}

/// Nothing, in a build that does not compress.
#[cfg(not(feature = "compression"))]
pub(crate) fn compressed(_: Coding, _: &[u8]) -> Option<Bytes> {
    None
}

/// The body as it was before it was compressed, if that had at most `limit` bytes.
#[cfg(feature = "compression")]
pub(crate) fn decompressed(
    coding: Coding,
    body: &[u8],
    limit: usize,
) -> Result<Vec<u8>, Violation> {
    use flate2::read::{GzDecoder, ZlibDecoder};
    use std::io::Read as _;

    // One byte more tells that there are too many.
    let most = (limit as u64).saturating_add(1);
    let mut out = Vec::new();
    let read = match coding {
        Coding::Deflate => ZlibDecoder::new(body).take(most).read_to_end(&mut out),
        Coding::Gzip => GzDecoder::new(body).take(most).read_to_end(&mut out),
    };
    match read {
        Ok(_) if out.len() > limit => Err(Violation::BodyTooLarge),
        Ok(_) => Ok(out),
        Err(_) => Err(Violation::InvalidCoding),
    }
}

/// Nothing can be read in a build that does not compress, which refuses such bodies by their heads.
#[cfg(not(feature = "compression"))]
pub(crate) fn decompressed(_: Coding, _: &[u8], _: usize) -> Result<Vec<u8>, Violation> {
    Err(Violation::UnsupportedCoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(fields: &[&str]) -> Option<Coding> {
        let mut accept = Accept::default();
        fields.iter().for_each(|field| accept.read(field.as_bytes()));
        accept.coding()
    }

    #[test]
    fn the_coding_with_the_highest_weight_is_chosen() {
        let (gzip, deflate) = (Some(Coding::Gzip), Some(Coding::Deflate));
        for (value, expected) in [
            ("gzip, deflate, br, zstd", gzip),
            ("GZip", gzip),
            ("x-gzip", gzip),
            ("deflate", deflate),
            ("deflate, gzip;q=0.5", deflate),
            ("deflate;q=0.5, gzip;q=0.501", gzip),
            ("gzip;q=0, deflate", deflate),
            ("gzip;q=0", None),
            ("gzip;q=0.0, *", deflate),
            ("*", gzip),
            ("*;q=0", None),
            ("*;q=0, gzip", gzip),
            ("identity", None),
            ("identity, gzip", gzip),
            ("identity;q=1, gzip;q=0.9", None),
            ("identity;q=0.5, *;q=0", None),
            ("gzip ; Q=0.3 , deflate ;q=0.2", gzip),
            ("br", None),
            ("", None),
            ("gzip;q=2", None),
            ("gzip;q=", None),
            ("gzip;q=0.1234", None),
            ("gzip;q=.5", None),
            ("gzip;level=1", None),
            ("gzip;q=1.000", gzip),
            (",,;,gzip", gzip),
        ] {
            assert_eq!(chosen(&[value]), expected, "{value}");
        }
        assert_eq!(chosen(&["deflate;q=0.4", "gzip;q=0.3"]), deflate);
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn text_is_compressible_and_pictures_are_not() {
        for media in [
            "text/plain; charset=UTF-8",
            "TEXT/html",
            "application/json",
            "application/javascript",
            "application/ld+json",
            "application/xml",
            "image/svg+xml",
        ] {
            assert!(is_compressible(media), "{media}");
        }
        for media in ["image/png", "application/octet-stream", "video/mp4", "font/woff2", ""] {
            assert!(!is_compressible(media), "{media}");
        }
    }

    #[cfg(feature = "compression")]
    #[test]
    fn a_body_is_read_back_up_to_a_limit() {
        let body = b"a text that repeats, a text that repeats".repeat(100);
        for coding in [Coding::Deflate, Coding::Gzip] {
            let small = compressed(coding, &body).expect("it gets smaller");
            assert_eq!(decompressed(coding, &small, body.len()), Ok(body.clone()));
            let tight = decompressed(coding, &small, body.len() - 1);
            assert_eq!(tight, Err(Violation::BodyTooLarge));
            let cut = decompressed(coding, &small[..small.len() / 2], body.len());
            assert_eq!(cut, Err(Violation::InvalidCoding));
        }
    }
}
