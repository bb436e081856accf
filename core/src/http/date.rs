//! The time of an answer, handed in by the owner of a clock.

use std::fmt;

/// A time as the `Date` field says it (RFC 9110 §5.6.7).
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Date([u8; 29]);

/// The last second of the year 9999, which is the last one that this form has room for.
const LAST: u64 = 253_402_300_799;

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

impl Date {
    /// Makes the time so many seconds after the beginning of 1970, leap seconds not counted.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Self {
        let seconds = seconds.min(LAST);
        let (days, time) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days.cast_signed());
        let [year, month, day] = [year, month - 1, day].map(i64::cast_unsigned);

        let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
        text[..3].copy_from_slice(DAYS[index(days % 7)]);
        text[5..7].copy_from_slice(&two(day));
        text[8..11].copy_from_slice(MONTHS[index(month)]);
        text[12..14].copy_from_slice(&two(year / 100));
        text[14..16].copy_from_slice(&two(year % 100));
        text[17..19].copy_from_slice(&two(time / 3600));
        text[20..22].copy_from_slice(&two(time / 60 % 60));
        text[23..25].copy_from_slice(&two(time % 60));
        Self(text)
    }

    /// Reads a time as servers write it, in seconds since the beginning of 1970; with hyphens between day,
    /// month and year, too. A time before counts as 0.
    pub(crate) fn seconds(text: &str) -> Option<u64> {
        let (_, text) = text.split_once(',')?;
        let mut words = text.split([' ', '-', ':']).filter(|word| !word.is_empty());
        let day = number(words.next()?, 31)?;
        let month = words.next()?;
        let month = MONTHS.iter().position(|name| month.as_bytes() == name.as_slice())?;
        let year = number(words.next()?, 9999)?;
        let [hours, minutes, seconds] =
            [23, 59, 60].map(|most| words.next().and_then(|word| number(word, most)));
        let time = 3600 * hours? + 60 * minutes? + seconds?;
        if words.next() != Some("GMT") || words.next().is_some() || day == 0 {
            return None;
        }
        // Years that begin in March, as above.
        let month = u64::try_from(month).ok()?;
        let year = if month < 2 { year.checked_sub(1)? } else { year };
        let days = 365 * year + year / 4 - year / 100 + year / 400;
        let days = days + (153 * ((month + 10) % 12) + 2) / 5 + day - 1;
        Some((86_400 * days + time).saturating_sub(86_400 * 719_468))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The year, the month and the day of the month that lie so many days after the beginning of 1970.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    // Years that begin in March have their leap day at the end, and go round every 400 of them.
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12 + 1;
    (400 * era + year + i64::from(month < 3), month, day)
}

fn number(digits: &str, most: u64) -> Option<u64> {
    let plain = digits.len() <= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&number| plain && number <= most)
}

fn two(n: u64) -> [u8; 2] {
    [digit(n / 10), digit(n % 10)]
}

fn digit(n: u64) -> u8 {
    b'0' + u8::try_from(n).unwrap_or(0)
}

fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_rfc_has_them() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (1_735_689_600, "Wed, 01 Jan 2025 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(Date::from_unix(seconds).to_string(), text);
            assert_eq!(Date::seconds(text), Some(seconds.min(LAST)));
        }
    }

    #[test]
    fn dates_are_read_with_hyphens_and_nothing_else_is_one() {
        assert_eq!(Date::seconds("Sun, 06-Nov-1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(Date::seconds("Wed, 31 Dec 1969 23:59:59 GMT"), Some(0));
        for bad in [
            "",
            "yesterday",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 99999 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
        ] {
            assert_eq!(Date::seconds(bad), None, "{bad}");
        }
    }
}
