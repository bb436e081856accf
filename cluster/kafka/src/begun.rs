//! Messages that were begun, and what became of them.

use std::collections::VecDeque;

/// Messages that may be begun.
const COUNT: usize = 1024;

/// Messages that were begun, in the order of their commands. Partitions confirm theirs in any order between them; it is
/// told in this one.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// What became of each, once that is known. Bounded by [`COUNT`].
    messages: VecDeque<Option<Outcome>>,
    /// How many were told.
    told: u64,
}

/// The number of a message on this connection.
pub(crate) type Number = u64;

/// What became of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Published,
    Refused(String),
}

impl Begun {
    pub(crate) fn has_room(&self) -> bool {
        self.messages.len() < COUNT
    }

    /// Puts a message in line.
    pub(crate) fn push(&mut self) -> Number {
        self.messages.push_back(None);
        self.told + self.messages.len() as u64 - 1
    }

    /// Takes note of what became of a message.
    pub(crate) fn note(&mut self, number: Number, outcome: Outcome) {
        let place = number.checked_sub(self.told).and_then(|place| usize::try_from(place).ok());
        if let Some(message) = place.and_then(|place| self.messages.get_mut(place)) {
            *message = Some(outcome);
        }
    }

    /// Takes what became of the first message, once that is known.
    pub(crate) fn pop(&mut self) -> Option<Outcome> {
        let outcome = self.messages.front_mut()?.take()?;
        self.messages.pop_front();
        self.told += 1;
        Some(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::{Begun, COUNT, Outcome};

    #[test]
    fn what_is_confirmed_out_of_order_is_told_in_the_order_of_commands() {
        let mut begun = Begun::default();
        let [a, b, c] = [(); 3].map(|()| begun.push());
        begun.note(b, Outcome::Published);
        assert_eq!(begun.pop(), None);
        begun.note(a, Outcome::Refused("too large".into()));
        assert_eq!(begun.pop(), Some(Outcome::Refused("too large".into())));
        assert_eq!(begun.pop(), Some(Outcome::Published));
        assert_eq!(begun.pop(), None);
        let d = begun.push();
        begun.note(d, Outcome::Published);
        assert_eq!(begun.pop(), None);
        begun.note(c, Outcome::Published);
        assert_eq!(
            [begun.pop(), begun.pop(), begun.pop()],
            [Some(Outcome::Published), Some(Outcome::Published), None]
        );
    }

    #[test]
    fn a_message_that_waits_for_an_earlier_one_takes_room() {
        let mut begun = Begun::default();
        let first = begun.push();
        for _ in 1..COUNT {
            assert!(begun.has_room());
            let number = begun.push();
            begun.note(number, Outcome::Published);
        }
        assert!(!begun.has_room());
        begun.note(first, Outcome::Published);
        assert_eq!(begun.pop(), Some(Outcome::Published));
        assert!(begun.has_room());
    }
}
