//! The subjects that channels have.

use std::fmt::Write as _;

/// Returns the subject of a channel: as the front page of this crate says.
pub(crate) fn subject(channel: &str) -> String {
    let mut subject = String::with_capacity(channel.len() + 8);
    for (index, part) in channel.split(':').enumerate() {
        if index > 0 {
            subject.push('.');
        }
        if part.is_empty() {
            subject.push('=');
        }
        for byte in part.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
                subject.push(byte.into());
            } else {
                write!(subject, "={byte:02X}").expect("strings take everything");
            }
        }
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn namespaces_are_parts_of_subjects() {
        assert_eq!(subject("sansocket:n:/chat"), "sansocket.n.=2Fchat");
        assert_eq!(subject("sansocket:i:00ff"), "sansocket.i.00ff");
        assert_eq!(subject("socketio"), "socketio");
    }

    #[test]
    fn k14_nothing_is_a_wildcard_or_a_separator() {
        assert_eq!(subject("a.b:*:> \r\n"), "a=2Eb.=2A.=3E=20=0D=0A");
        assert_eq!(subject("é"), "=C3=A9");
    }

    #[test]
    fn no_two_channels_have_one_subject() {
        let channels = ["", ":", "::", "=", "=:", "a", "a:", ":a", "a::b", "a:b", "a.b", "a=2Eb"];
        let mut subjects: Vec<_> = channels.iter().map(|channel| subject(channel)).collect();
        assert!(subjects.iter().all(|subject| subject.split('.').all(|part| !part.is_empty())));
        subjects.sort();
        subjects.dedup();
        assert_eq!(subjects.len(), channels.len());
    }
}
