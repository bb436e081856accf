//! Forms as pages send them (URL standard, `application/x-www-form-urlencoded`).
//!
//! ```text
//! form  = [ pair *( "&" pair ) ]
//! pair  = key [ "=" value ]               ; "+" is a space, "%" and two digits of hexadecimal a byte
//! ```

/// The pairs of a form, decoded, in the order they are in.
pub(crate) fn pairs(form: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let pairs = form.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| match memchr::memchr(b'=', pair) {
        Some(at) => (decoded(&pair[..at]), decoded(&pair[at + 1..])),
        None => (decoded(pair), Vec::new()),
    })
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        out.push(match byte {
            b'+' => b' ',
            b'%' => match escaped(after) {
                Some(byte) => {
                    rest = &after[2..];
                    byte
                }
                None => b'%',
            },
            byte => byte,
        });
    }
    out
}

/// The byte that two digits of hexadecimal stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let form = b"a=1&b=x+y%20z&&c&=d&%C3%a9=%zz%4&a=2=3";
        let read: Vec<(String, String)> = pairs(form)
            .map(|(key, value)| {
                let text = |bytes| String::from_utf8(bytes).expect("it is text");
                (text(key), text(value))
            })
            .collect();
        let expected =
            [("a", "1"), ("b", "x y z"), ("c", ""), ("", "d"), ("\u{e9}", "%zz%4"), ("a", "2=3")];
        assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
