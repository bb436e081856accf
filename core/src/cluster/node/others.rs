//! The other processes of a namespace, by their signs of life.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The other processes that were heard of in a namespace, in [`Format::Native`](crate::cluster::bus::Format).
#[derive(Debug, Default)]
pub(super) struct Others {
    /// By name. Bounded by [`MOST`].
    all: BTreeMap<Box<str>, Other>,
}

#[derive(Debug)]
struct Other {
    heard: Instant,
    /// The number of its last message.
    sequence: u64,
    /// Whether the next number may be any larger one: it left, and numbers go on elsewhere when it comes back.
    may_skip: bool,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// It sent something, and did not say that it answers questions.
    Heard,
    Alive,
    /// It said that it leaves, and is kept in mind for a while: messages of it may be late.
    Left,
}

/// How a process says that it lives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sign {
    Beat,
    Hello,
}

/// What the number of a message says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// It follows the one before, but for so many that are lost.
    After { lost: u64 },
    /// It came before.
    Again,
}

/// Processes of a namespace: more are not believed to be there.
const MOST: usize = 4096;

impl Others {
    /// Takes note of a message with that number.
    pub(super) fn hear(&mut self, now: Instant, name: &str, sequence: u64) -> Order {
        let Some(other) = self.all.get_mut(name) else {
            self.add(now, name, Standing::Heard, sequence);
            return Order::After { lost: 0 };
        };
        let has_left = other.standing == Standing::Left;
        if !has_left {
            other.heard = now;
        }
        if sequence <= other.sequence {
            return Order::Again;
        }
        let may_skip = std::mem::replace(&mut other.may_skip, has_left) || other.sequence == 0;
        let lost = if may_skip { 0 } else { sequence - other.sequence - 1 };
        other.sequence = sequence;
        Order::After { lost }
    }

    /// Takes note that a process lives; says whether that is news. One that left has to say hello again: other signs of
    /// life may be late.
    pub(super) fn greet(&mut self, now: Instant, name: &str, sign: Sign) -> bool {
        let Some(other) = self.all.get_mut(name) else {
            return self.add(now, name, Standing::Alive, 0);
        };
        if other.standing == Standing::Left && sign == Sign::Beat {
            return false;
        }
        other.heard = now;
        std::mem::replace(&mut other.standing, Standing::Alive) != Standing::Alive
    }

    /// Takes note that a process leaves; says whether it was alive.
    pub(super) fn part(&mut self, now: Instant, name: &str) -> bool {
        let Some(other) = self.all.get_mut(name) else {
            self.add(now, name, Standing::Left, 0);
            return false;
        };
        other.heard = now;
        other.may_skip = true;
        std::mem::replace(&mut other.standing, Standing::Left) == Standing::Alive
    }

    /// Forgets those that gave no sign of life for so long, and returns those of them that were alive.
    pub(super) fn expire(&mut self, now: Instant, after: Duration) -> Vec<Box<str>> {
        let mut dead = Vec::new();
        self.all.retain(|name, other| {
            let stays = now.saturating_duration_since(other.heard) < after;
            if !stays && other.standing == Standing::Alive {
                dead.push(name.clone());
            }
            stays
        });
        dead
    }

    /// Gives all of them their time anew: nothing could be heard of them until now. Those that left may be back.
    pub(super) fn excuse(&mut self, now: Instant) {
        self.all.retain(|_, other| other.standing != Standing::Left);
        self.all.values_mut().for_each(|other| other.heard = now);
    }

    /// Returns when the next one will have been silent for so long.
    pub(super) fn expiry(&self, after: Duration) -> Option<Instant> {
        self.all.values().map(|other| other.heard).min().and_then(|heard| heard.checked_add(after))
    }

    pub(super) fn is_alive(&self, name: &str) -> bool {
        self.all.get(name).is_some_and(|other| other.standing == Standing::Alive)
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = &Box<str>> {
        let alive = self.all.iter().filter(|(_, other)| other.standing == Standing::Alive);
        alive.map(|(name, _)| name)
    }

    fn add(&mut self, heard: Instant, name: &str, standing: Standing, sequence: u64) -> bool {
        let has_room = self.all.len() < MOST;
        if has_room {
            self.all.insert(name.into(), Other { heard, sequence, may_skip: false, standing });
        }
        has_room && standing == Standing::Alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        Instant::now()
    }

    #[test]
    fn losses_are_counted_and_copies_are_told() {
        let (mut others, now) = (Others::default(), now());
        let orders = [5, 6, 6, 9, 8].map(|sequence| others.hear(now, "a", sequence));
        let after = |lost| Order::After { lost };
        assert_eq!(orders, [after(0), after(0), Order::Again, after(2), Order::Again]);
        assert!(
            !others.is_alive("a") && others.greet(now, "a", Sign::Beat) && others.is_alive("a")
        );
        assert_eq!(others.hear(now, "a", 10), after(0));
    }

    #[test]
    fn a_process_that_left_may_be_back_when_nothing_could_be_heard_of_it() {
        let (mut others, now) = (Others::default(), now());
        assert!(others.greet(now, "a", Sign::Hello) && others.part(now, "a"));
        others.excuse(now);
        assert!(others.greet(now, "a", Sign::Beat) && others.is_alive("a"));
    }

    #[test]
    fn k16_a_process_is_dead_after_its_time_and_stays_away_when_it_left() {
        let (mut others, now) = (Others::default(), now());
        let after = Duration::from_secs(4);
        assert!(
            others.greet(now, "a", Sign::Beat)
                && others.greet(now, "b", Sign::Beat)
                && !others.greet(now, "b", Sign::Beat)
        );
        assert!(others.part(now, "b") && !others.greet(now, "b", Sign::Beat));
        assert_eq!(others.expiry(after), Some(now + after));
        assert!(others.expire(now + after - Duration::from_millis(1), after).is_empty());
        assert_eq!(others.expire(now + after, after), [Box::from("a")]);
        assert!(others.all.is_empty());
    }

    #[test]
    fn k16_a_process_that_left_comes_back_when_it_says_hello_and_its_numbers_go_on_anywhere() {
        let (mut others, now) = (Others::default(), now());
        let after = |lost| Order::After { lost };
        assert!(others.greet(now, "a", Sign::Hello));
        assert_eq!(others.hear(now, "a", 3), after(0));
        assert!(others.part(now, "a"));
        assert_eq!(others.hear(now, "a", 3), Order::Again);
        assert_eq!(others.hear(now, "a", 4), after(0), "it is late");
        assert!(!others.greet(now, "a", Sign::Beat) && others.greet(now, "a", Sign::Hello));
        assert_eq!(
            [4, 9, 11].map(|n| others.hear(now, "a", n)),
            [Order::Again, after(0), after(1)]
        );
        // Of one that was not known, messages are taken when it is back.
        assert!(!others.part(now, "b") && others.greet(now, "b", Sign::Hello));
        assert_eq!(others.hear(now, "b", 1), after(0));
    }

    #[test]
    fn k16_a_process_that_left_is_forgotten_in_time_whatever_it_sends() {
        let (mut others, now) = (Others::default(), now());
        let (second, after) = (Duration::from_secs(1), Duration::from_secs(4));
        others.part(now, "a");
        (1..4)
            .for_each(|n| assert_eq!(others.hear(now + second, "a", n), Order::After { lost: 0 }));
        assert!(others.expire(now + after, after).is_empty());
        assert!(others.greet(now + after, "a", Sign::Beat), "its hello was lost");
    }

    #[test]
    fn k12_the_number_of_processes_is_bounded() {
        let (mut others, now) = (Others::default(), now());
        let counted =
            (0..MOST + 10).filter(|n| others.greet(now, &n.to_string(), Sign::Hello)).count();
        assert_eq!((counted, others.all.len()), (MOST, MOST));
    }
}
