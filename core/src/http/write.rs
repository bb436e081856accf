//! What heads of requests and of responses are written with.

/// Appends one field. A line break inside a value would let it forge fields; nothing legitimate contains
/// one, so it is left out.
pub(crate) fn put_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    let mut rest = value;
    // Nearly no value has any control character.
    while has_control(rest)
        && let Some(at) = memchr::memchr3(b'\r', b'\n', 0, rest)
    {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\r\n");
}

/// Whether any byte is below a space.
#[inline]
fn has_control(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    let (words, rest) = bytes.as_chunks();
    let below = |word: u64| word.wrapping_sub(ONES * 0x20) & !word;
    let found = words.iter().fold(0, |found, word| found | below(u64::from_le_bytes(*word)));
    found & (ONES << 7) != 0 || rest.iter().any(|&byte| byte < b' ')
}

/// Appends a number in decimal digits.
pub(super) fn put_number(out: &mut Vec<u8>, n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = n;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
