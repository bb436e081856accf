//! Tokens, and lists of them (RFC 9110 §5.6).

/// Whether a text is a token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether a byte may be in a token, such as the name of a field.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a comma-separated list contains `token`, in any case.
pub(crate) fn has_token(list: &[u8], token: &str) -> bool {
    let is = |part: &[u8]| part.eq_ignore_ascii_case(token.as_bytes());
    // Mostly it is the only one.
    is(list) || list.split(|&byte| byte == b',').any(|part| is(part.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_in_lists_of_any_case() {
        assert!(has_token(b"keep-alive, Upgrade", "upgrade"));
        assert!(!has_token(b"upgrade-insecure", "upgrade"));
    }
}
