//! Subscriptions: those that are wished for, and those that the broker has.

use std::collections::{BTreeMap, BTreeSet};

use super::Command;
use crate::cluster::bus::Subscription;

/// What is wished for, beside what the broker was told: so a room that is left and joined again costs one entry,
/// and no queue of changes.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    all: BTreeMap<Subscription, Wish>,
    /// Those of which the broker has to be told.
    due: BTreeSet<Subscription>,
    /// Those that are wished for and not confirmed.
    open: usize,
    /// Those of them that were wished for when the connection was made.
    early: usize,
}

/// One subscription.
#[derive(Debug, Default)]
struct Wish {
    /// How many wish for it.
    wanted: usize,
    told: Told,
    /// Whether it was wished for when the connection was made, and was not confirmed since.
    is_early: bool,
    /// Subscriptions that the broker was told of and has not confirmed. Earlier ones may have been taken back.
    unconfirmed: u32,
}

/// What the broker was told last.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Told {
    #[default]
    Nothing,
    Subscribe,
}

impl Wish {
    fn is_confirmed(&self) -> bool {
        self.told == Told::Subscribe && self.unconfirmed == 0
    }

    fn is_open(&self) -> bool {
        self.wanted > 0 && !self.is_confirmed()
    }

    /// Whether the broker has to be told something.
    fn is_due(&self) -> bool {
        (self.wanted > 0) != (self.told == Told::Subscribe)
    }
}

impl Wishes {
    pub(super) fn want(&mut self, subscription: Subscription) {
        self.change(subscription, |wish| wish.wanted += 1);
    }

    pub(super) fn give_up(&mut self, subscription: Subscription) {
        self.change(subscription, |wish| wish.wanted = wish.wanted.saturating_sub(1));
    }

    /// Wishes for nothing any more.
    pub(super) fn give_up_all(&mut self) {
        let all: Vec<_> = self.all.keys().cloned().collect();
        for subscription in all {
            self.change(subscription, |wish| wish.wanted = 0);
        }
    }

    /// The broker confirmed a subscription; says whether that is wished for and in force now.
    pub(super) fn confirm(&mut self, subscription: &Subscription) -> bool {
        if !self.all.contains_key(subscription) {
            return false;
        }
        let confirm = |wish: &mut Wish| wish.unconfirmed = wish.unconfirmed.saturating_sub(1);
        self.change(subscription.clone(), confirm);
        self.is_confirmed(subscription)
    }

    /// A new connection knows of no subscription.
    pub(super) fn begin_anew(&mut self) {
        self.all.retain(|_, wish| wish.wanted > 0);
        for wish in self.all.values_mut() {
            *wish = Wish { wanted: wish.wanted, is_early: true, ..Wish::default() };
        }
        self.due = self.all.keys().cloned().collect();
        self.open = self.all.len();
        self.early = self.open;
    }

    /// What the broker has to be told next.
    pub(super) fn next(&mut self) -> Option<Command> {
        let subscription = self.due.pop_first()?;
        let is_wanted = self.all.get(&subscription).is_some_and(|wish| wish.wanted > 0);
        self.change(subscription.clone(), |wish| match is_wanted {
            true => {
                wish.told = Told::Subscribe;
                wish.unconfirmed = wish.unconfirmed.saturating_add(1);
            }
            false => wish.told = Told::Nothing,
        });
        Some(match is_wanted {
            true => Command::Subscribe(subscription),
            false => Command::Unsubscribe(subscription),
        })
    }

    pub(super) fn is_confirmed(&self, subscription: &Subscription) -> bool {
        self.all.get(subscription).is_some_and(|wish| wish.wanted > 0 && wish.is_confirmed())
    }

    /// Whether all that is wished for is confirmed.
    pub(super) fn is_settled(&self) -> bool {
        self.open == 0
    }

    /// Whether all is confirmed that was wished for when the connection was made, and still is.
    pub(super) fn is_established(&self) -> bool {
        self.early == 0
    }

    /// Whether the broker has to be told of something.
    pub(super) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    fn change(&mut self, subscription: Subscription, change: impl FnOnce(&mut Wish)) {
        let wish = self.all.entry(subscription.clone()).or_default();
        let (was_open, was_early) = (wish.is_open(), wish.is_early);
        change(wish);
        wish.is_early &= wish.is_open();
        self.open = self.open + usize::from(wish.is_open()) - usize::from(was_open);
        self.early = self.early + usize::from(wish.is_early) - usize::from(was_early);
        let is_idle = wish.wanted == 0 && wish.told == Told::Nothing && wish.unconfirmed == 0;
        let is_due = wish.is_due();
        if is_idle {
            self.all.remove(&subscription);
        }
        if is_due {
            self.due.insert(subscription);
        } else {
            self.due.remove(&subscription);
        }
    }
}

#[cfg(feature = "fuzz")]
impl Wishes {
    pub(super) fn check(&self) {
        let open = self.all.values().filter(|wish| wish.is_open()).count();
        assert_eq!(open, self.open, "subscriptions that are not confirmed are counted");
        let early = self.all.values().filter(|wish| wish.is_early).count();
        assert_eq!(early, self.early, "and those that are as old as the connection");
        let due = self.all.iter().filter(|(_, wish)| wish.is_due());
        let due: BTreeSet<_> = due.map(|(subscription, _)| subscription.clone()).collect();
        assert_eq!(due, self.due, "the broker is told of each");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Subscription {
        Subscription::Exact("p#/#r#".to_owned())
    }

    #[test]
    fn k18_a_room_that_is_toggled_costs_one_subscription() {
        let mut wishes = Wishes::default();
        for _ in 0..1000 {
            wishes.want(room());
            wishes.give_up(room());
        }
        assert!(wishes.next().is_none() && wishes.is_settled() && wishes.all.is_empty());
        wishes.want(room());
        assert_eq!(wishes.next(), Some(Command::Subscribe(room())));
        assert!(!wishes.is_settled());
        assert!(wishes.confirm(&room()) && wishes.is_settled());
        wishes.give_up(room());
        wishes.want(room());
        assert_eq!(wishes.next(), None, "it never ended");
        assert!(wishes.is_settled());
    }

    #[test]
    fn k18_the_confirmation_of_an_earlier_subscription_settles_nothing() {
        let mut wishes = Wishes::default();
        wishes.want(room());
        assert!(wishes.next().is_some());
        wishes.give_up(room());
        assert_eq!(wishes.next(), Some(Command::Unsubscribe(room())));
        wishes.want(room());
        assert_eq!(wishes.next(), Some(Command::Subscribe(room())));
        assert!(!wishes.confirm(&room()) && !wishes.is_settled());
        assert!(wishes.confirm(&room()) && wishes.is_settled());
    }

    #[test]
    fn k03_a_connection_is_established_whatever_is_wished_for_later() {
        let mut wishes = Wishes::default();
        let other = Subscription::Exact("other".to_owned());
        wishes.want(room());
        wishes.want(other.clone());
        wishes.begin_anew();
        assert!(wishes.next().is_some() && wishes.next().is_some());
        wishes.want(Subscription::Exact("late".to_owned()));
        wishes.confirm(&room());
        assert!(!wishes.is_established());
        wishes.give_up(room());
        wishes.want(room());
        wishes.give_up(other.clone());
        assert!(wishes.is_established(), "the other is not wished for any more");
        wishes.want(other);
        assert!(wishes.is_established() && !wishes.is_settled());
    }

    #[test]
    fn k03_a_new_connection_is_told_of_all_that_is_wished_for() {
        let mut wishes = Wishes::default();
        wishes.want(room());
        wishes.want(room());
        assert!(wishes.next().is_some() && wishes.confirm(&room()));
        wishes.begin_anew();
        assert!(!wishes.is_settled());
        assert_eq!(wishes.next(), Some(Command::Subscribe(room())));
        assert_eq!(wishes.next(), None, "once, however many wish for it");
        assert!(wishes.confirm(&room()) && wishes.is_settled());
        wishes.give_up_all();
        assert_eq!(wishes.next(), Some(Command::Unsubscribe(room())));
        assert!(wishes.all.is_empty());
    }
}
