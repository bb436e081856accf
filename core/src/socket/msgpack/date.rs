//! Times of MessagePack, and as JavaScript writes them in JSON.

use crate::http::civil;

const SECOND: i64 = 1000;

const DAY: i64 = 86_400 * SECOND;

/// The furthest time that JavaScript knows, in milliseconds from the beginning of 1970 (ECMA-262, "Time Values").
const FURTHEST: i64 = 8_640_000_000_000_000;

/// The milliseconds of a timestamp (MessagePack, "Timestamp extension type").
pub(super) fn timestamp(bytes: &[u8]) -> Option<i64> {
    let (seconds, nanos) = match *bytes {
        [a, b, c, d] => (u32::from_be_bytes([a, b, c, d]).into(), 0),
        [a, b, c, d, e, f, g, h] => {
            let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            (i64::try_from(both & ((1 << 34) - 1)).ok()?, u32::try_from(both >> 34).ok()?)
        }
        [a, b, c, d, ref seconds @ ..] => {
            let seconds = <[u8; 8]>::try_from(seconds).ok()?;
            (i64::from_be_bytes(seconds), u32::from_be_bytes([a, b, c, d]))
        }
        _ => return None,
    };
    seconds.checked_mul(SECOND)?.checked_add(i64::from(nanos / 1_000_000))
}

/// The text of a time, `2026-01-31T12:00:00.000Z` (ECMA-262, "Date Time String Format").
pub(super) fn iso(millis: i64) -> Option<String> {
    if !(-FURTHEST..=FURTHEST).contains(&millis) {
        return None;
    }
    let (year, month, day) = civil(millis.div_euclid(DAY));
    let time = millis.rem_euclid(DAY);
    let (hours, minutes) = (time / (3600 * SECOND), time / (60 * SECOND) % 60);
    let (seconds, millis) = (time / SECOND % 60, time % SECOND);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    Some(format!("{year}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_javascript_writes_them() {
        // Each text is what `new Date(n).toISOString()` returned.
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_709_210_096_789, "2024-02-29T12:34:56.789Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (FURTHEST, "+275760-09-13T00:00:00.000Z"),
            (-FURTHEST, "-271821-04-20T00:00:00.000Z"),
        ] {
            assert_eq!(iso(millis).as_deref(), Some(text));
        }
        assert_eq!(iso(FURTHEST + 1), None);
        assert_eq!(iso(i64::MIN), None);
    }

    #[test]
    fn timestamps_have_three_lengths() {
        assert_eq!(timestamp(&[0, 0, 0, 1]), Some(1000));
        assert_eq!(timestamp(&[0x77, 0x35, 0x94, 0x00, 0, 0, 0, 1]), Some(1500));
        let long = [0x1d, 0xcd, 0x65, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(timestamp(&long), Some(-500));
        assert_eq!(timestamp(&[0xff; 12]), Some(3294));
        for length in [0, 1, 2, 3, 5, 7, 9, 11, 13] {
            assert_eq!(timestamp(&vec![0; length]), None);
        }
        let mut far = [0; 12];
        far[4] = 0x7f;
        assert_eq!(timestamp(&far), None);
    }
}
