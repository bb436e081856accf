//! The life of a node: its connection, its subscriptions, its signs of life, and its end.

use std::sync::Arc;
use std::time::Instant;

use super::lingering::Lingering;
use super::node::{GRACE, Node, Stage};
use super::others::Sign;
use super::outbox::Keep;
use super::post::Outgoing;
use super::questions::Farewell;
use super::reader::{Reader, Shorter, Signed};
use super::{NodeEvent, NodeStatus, identity};
use crate::cluster::bus::{Body, Format, Home, Subscription};
use crate::rng::Rng;

impl Node {
    /// Subscribes to the messages of a namespace that was opened.
    pub(super) fn subscribe(&mut self, now: Instant, namespace: &str) {
        if self.stage == Stage::Leaving {
            return;
        }
        self.revise_reader(namespace);
        let subscriptions = self.reader.names.subscriptions(namespace, &self.reader.process);
        subscriptions.into_iter().for_each(|subscription| self.wishes.want(subscription));
        self.await_subscriptions(now, &namespace.into());
    }

    /// Unsubscribes from the messages of a namespace that is closed, and tells the others.
    pub(super) fn unsubscribe(&mut self, now: Instant, namespace: &str) {
        let is_told = self.config.format == Format::Native && self.line.is_up();
        if is_told && self.stage == Stage::Staying {
            let _ = self.publish(now, Outgoing::new(namespace, Body::Left), Keep::Volatile);
        }
        self.hasten(&namespace.into(), now);
        self.revise_reader(namespace);
        for subscription in self.reader.names.subscriptions(namespace, &self.reader.process) {
            if let Subscription::Counted(channel) = &subscription {
                self.counters.forget_channel(channel);
            }
            self.wishes.give_up(subscription);
        }
        for question in self.questions.about(namespace) {
            let ended = self.questions.give_up(question);
            self.conclude(now, ended);
        }
        self.settle(now);
    }

    /// Tells the reader of a namespace that was opened or closed, where that makes a difference to it.
    fn revise_reader(&mut self, namespace: &str) {
        if !self.is_counted() || self.reader.signed.is_empty() && !namespace.contains('#') {
            return;
        }
        let with_sign = self.spaces.names().filter(|name| name.contains('#'));
        let signed = with_sign.map(|name| {
            let shorter = name.split('#').next().unwrap_or_default();
            let is_open = self.spaces.contains(shorter);
            let shorter = if is_open { Shorter::Open } else { Shorter::Closed };
            Signed { namespace: name.clone(), shorter }
        });
        let signed = signed.collect();
        self.reader = Arc::new(Reader { signed, ..(*self.reader).clone() });
    }

    /// Has a namespace wait for those of its subscriptions that are not confirmed.
    fn await_subscriptions(&mut self, now: Instant, namespace: &Arc<str>) {
        let mut subscriptions = self.reader.names.subscriptions(namespace, &self.reader.process);
        let counted = subscriptions.iter().find_map(|subscription| match subscription {
            Subscription::Counted(channel) => Some(channel.clone()),
            Subscription::Exact(_) | Subscription::Pattern(_) | Subscription::Stream(_) => None,
        });
        if let Some(space) = self.spaces.get_mut(namespace) {
            space.counted = counted;
        }
        subscriptions.retain(|subscription| !self.wishes.is_confirmed(subscription));
        let is_ready = subscriptions.is_empty();
        self.spaces.wait(namespace, subscriptions);
        if is_ready {
            self.greet(now, namespace);
        }
    }

    pub(super) fn on_connected(&mut self, now: Instant, largest: Option<usize>) {
        self.largest = largest;
        self.line.connect(now);
        self.wishes.begin_anew();
        self.spaces.begin_anew();
        self.counters.forget();
        let namespaces: Vec<_> = self.spaces.names().cloned().collect();
        for namespace in namespaces {
            if let Some(space) = self.spaces.get_mut(&namespace) {
                space.others.excuse(now);
            }
            self.await_subscriptions(now, &namespace);
        }
        self.settle(now);
    }

    pub(super) fn on_lost(&mut self, now: Instant, why: &str) -> Instant {
        self.counts.note_error(now, why);
        let chance = u16::from_be_bytes(self.rng.bytes());
        let was_up = self.line.is_up();
        let (pause, status) = self.line.lose(now, why, chance);
        if was_up {
            self.dropped_before = self.dropped();
            self.counts.dropped_broken += std::mem::take(&mut self.unconfirmed);
            self.counters.forget();
            self.signs.clear();
            self.counts.dropped_old += self.outbox.drop_volatile();
            self.give_up_echoes(now);
            self.give_up_returns();
        }
        status.into_iter().for_each(|status| self.tell_status(status));
        now + pause
    }

    pub(super) fn on_subscribed(&mut self, now: Instant, subscription: &Subscription) {
        self.line.hear(now);
        if !self.wishes.confirm(subscription) {
            return;
        }
        for namespace in self.spaces.confirm(subscription) {
            self.greet(now, &namespace);
        }
        self.settle(now);
    }

    /// Begins to publish when subscriptions are confirmed, or took too long.
    fn settle(&mut self, now: Instant) {
        let begins = self.line.settle(now, self.wishes.is_established());
        if begins.publishing {
            self.drop_old(now);
        }
        if begins.news {
            let dropped = self.dropped() - self.dropped_before;
            self.tell_status(NodeStatus::Connected { dropped });
        }
        if begins.publishing {
            let namespaces: Vec<_> = self.spaces.names().cloned().collect();
            namespaces.iter().for_each(|namespace| self.greet(now, namespace));
            self.next_beat = now.checked_add(self.config.heartbeat());
        }
    }

    fn dropped(&self) -> u64 {
        self.counts.dropped_full + self.counts.dropped_old + self.counts.dropped_broken
    }

    /// Answers can arrive in a namespace: questions may be asked, when all others are known that have to be asked.
    fn greet(&mut self, now: Instant, namespace: &Arc<str>) {
        let is_native = self.config.format == Format::Native;
        if is_native && !self.line.is_ready() {
            return;
        }
        let Some(space) = self.spaces.get_mut(namespace).filter(|space| space.ready.is_none())
        else {
            return;
        };
        let ready = if is_native { now + GRACE } else { now };
        space.ready = Some(ready);
        self.hasten(namespace, ready);
        if is_native {
            let _ = self.publish(now, Outgoing::new(namespace, Body::Hello), Keep::Volatile);
            if self.config.home.is_some() {
                self.beat(now, namespace);
            }
        }
    }

    /// Gives a sign of life in a namespace.
    pub(super) fn beat(&mut self, now: Instant, namespace: &str) {
        let _ = self.publish(
            now,
            Outgoing::new(namespace, Body::Beat(self.config.home)),
            Keep::Volatile,
        );
    }

    /// Something was heard of another process.
    pub(super) fn expect_death(&mut self, now: Instant) {
        if self.next_burial.is_none() {
            self.next_burial = now.checked_add(self.config.dead_after);
        }
    }

    /// Another process lives.
    pub(super) fn on_alive(&mut self, now: Instant, namespace: &str, node: &str, sign: Sign) {
        self.expect_death(now);
        let is_known = self.is_alive_anywhere(node);
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if space.others.greet(now, node, sign) && !is_known {
            self.tell_status(NodeStatus::Joined { node: node.into() });
        }
    }

    /// Another process says where it listens. It is believed where this one says the same of itself.
    pub(super) fn on_home(&mut self, node: &str, home: Home) {
        let is_news = self.homes.get(node) != Some(&home);
        if self.config.home.is_some() && is_news && self.is_alive_anywhere(node) {
            self.homes.insert(node.into(), home);
            self.events.push_back(NodeEvent::Home { node: node.into(), home: Some(home) });
        }
    }

    /// Another process leaves a namespace.
    pub(super) fn on_left(&mut self, now: Instant, namespace: &str, node: &str) {
        self.expect_death(now);
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if space.others.part(now, node) {
            self.on_gone(now, (namespace, node), Farewell::Told);
        }
    }

    fn on_gone(&mut self, now: Instant, (namespace, node): (&str, &str), farewell: Farewell) {
        for question in self.questions.about(namespace) {
            let ended = self.questions.lose(question, node, farewell);
            self.conclude(now, ended);
        }
        if !self.is_alive_anywhere(node) {
            if self.homes.remove(node).is_some() {
                self.events.push_back(NodeEvent::Home { node: node.into(), home: None });
            }
            self.tell_status(NodeStatus::Left { node: node.into() });
        }
    }

    fn is_alive_anywhere(&self, node: &str) -> bool {
        self.spaces.iter().any(|space| space.others.is_alive(node))
    }

    /// The number of processes of the cluster, as far as they are known.
    pub(super) fn processes(&self) -> u64 {
        let others = self.spaces.iter().map(|space| space.others.alive().count()).max();
        let counted = self.counters.largest().unwrap_or(0);
        counted.max(others.unwrap_or(0) as u64 + 1)
    }

    /// Takes another name: another process has this one.
    pub(super) fn rename(&mut self, now: Instant) {
        let former = Arc::clone(&self.reader);
        // Two processes that were made of one seed differ by their age.
        let age = now.saturating_duration_since(self.birth).as_nanos().to_be_bytes();
        let mut seed: [u8; 32] = self.rng.bytes();
        seed.iter_mut().zip(age).for_each(|(byte, age)| *byte ^= age);
        let process = identity::draw(self.config.format, &mut Rng::new(seed, 0));
        self.reader = Arc::new(Reader { process, ..(*former).clone() });
        let namespaces: Vec<_> = self.spaces.names().cloned().collect();
        for namespace in namespaces {
            let (new, old) = (
                self.reader.names.subscriptions(&namespace, &self.reader.process),
                self.reader.names.subscriptions(&namespace, &former.process),
            );
            new.into_iter().for_each(|subscription| self.wishes.want(subscription));
            old.into_iter().for_each(|subscription| self.wishes.give_up(subscription));
            if let Some(space) = self.spaces.get_mut(&namespace) {
                space.sequence = 0;
            }
            self.await_subscriptions(now, &namespace);
        }
        self.tell_status(NodeStatus::Renamed);
    }

    pub(super) fn begin_to_leave(&mut self, now: Instant) {
        if self.stage == Stage::Leaving {
            return;
        }
        for question in self.questions.all() {
            let ended = self.questions.give_up(question);
            self.conclude(now, ended);
        }
        if self.config.format == Format::Native {
            let namespaces: Vec<_> = self.spaces.names().cloned().collect();
            for namespace in namespaces {
                let _ = self.publish(now, Outgoing::new(&namespace, Body::Left), Keep::Firm);
            }
        }
        self.wishes.give_up_all();
        self.signs.clear();
        self.give_up_echoes(now);
        self.give_up_returns();
        self.holds.end(now);
        self.stage = Stage::Leaving;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let is_alive = self.gives_signs_of_life();
        [
            self.line.deadline(),
            self.questions.deadline(),
            self.relays.deadline(),
            self.echoes.deadline(),
            self.returns.deadline(),
            self.lingering.as_ref().and_then(Lingering::deadline),
            self.outbox.expiry(),
            self.parts.expiry(self.config.age),
            self.next_hold,
            self.next_beat.filter(|_| is_alive),
            self.next_burial.filter(|_| is_alive),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn on_timeout(&mut self, now: Instant) {
        self.line.handle_timeout(now);
        self.settle(now);
        self.drop_old(now);
        self.relays.handle_timeout(now);
        self.expire_questions(now);
        self.expire_echoes(now);
        self.expire_returns(now);
        self.expire_lingering(now);
        self.next_hold = self.next_hold.filter(|due| now < *due);
        if self.gives_signs_of_life() {
            self.beat_in_time(now);
            self.bury(now);
        }
    }

    /// Whether this process tells the others that it lives, and expects the same of them.
    fn gives_signs_of_life(&self) -> bool {
        let is_native = self.config.format == Format::Native;
        is_native && self.line.is_ready() && self.stage == Stage::Staying
    }

    fn beat_in_time(&mut self, now: Instant) {
        if self.next_beat.is_none_or(|due| now < due) {
            return;
        }
        self.next_beat = now.checked_add(self.config.heartbeat());
        let namespaces: Vec<_> = self.spaces.names().cloned().collect();
        namespaces.iter().for_each(|namespace| self.beat(now, namespace));
    }

    /// Takes those for dead that gave no sign of life.
    fn bury(&mut self, now: Instant) {
        let Some(due) = self.next_burial.filter(|due| *due <= now) else { return };
        let after = self.config.dead_after;
        // A process that was suspended has not taken yet what came meanwhile.
        let stall = self.config.heartbeat().max(after / 4);
        if now.saturating_duration_since(due) > stall {
            self.spaces.iter_mut().for_each(|(_, space)| space.others.excuse(now));
        }
        let mut dead = Vec::new();
        for (namespace, space) in self.spaces.iter_mut() {
            let gone = space.others.expire(now, after);
            dead.extend(gone.into_iter().map(|node| (namespace.clone(), node)));
        }
        self.next_burial = self.spaces.iter().filter_map(|space| space.others.expiry(after)).min();
        for (namespace, node) in dead {
            self.on_gone(now, (&namespace, &node), Farewell::Untold);
        }
    }
}
