//! The handlers of events, by name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::handlers::handler::{Delivery, EventFn, EventHandler};
use crate::handlers::order::Order;
use crate::sockets::side::Side;
use crate::sockets::socket::Socket;

/// The handlers of events of a [side](Side): one for each name, and one for all others.
#[derive(Clone)]
pub(crate) struct Table<S: Side = Socket> {
    /// Keys are the application's own, so clients cannot aim names at one bucket.
    events: HashMap<Box<str>, Entry<S>, foldhash::fast::FixedState>,
    any: Option<Entry<S>>,
}

/// A handler and its order.
#[derive(Clone)]
pub(crate) struct Entry<S: Side = Socket> {
    /// The event it is for; a catch-all has none.
    pub(crate) name: Option<Box<str>>,
    pub(crate) order: Order,
    pub(crate) call: EventFn<S>,
}

impl<S: Side> Table<S> {
    /// Sets the handler of an event, or without a name that of all others.
    pub(crate) fn insert<P, R, K, H: EventHandler<P, R, K, S>>(
        &mut self,
        event: Option<&str>,
        order: Order,
        handler: H,
    ) {
        let call = Arc::new(move |delivery: &mut Delivery<'_, S>| {
            let progress = handler.call(delivery);
            delivery.came(progress);
        });
        let entry = Entry { name: event.map(Into::into), order, call };
        match event {
            Some(event) => drop(self.events.insert(event.into(), entry)),
            None => self.any = Some(entry),
        }
    }

    /// Removes the handler of an event.
    pub(crate) fn remove(&mut self, event: &str) {
        self.events.remove(event);
    }

    /// Finds the handler of an event.
    #[inline]
    pub(crate) fn find(&self, event: &str) -> Option<&Entry<S>> {
        self.events.get(event).or(self.any.as_ref())
    }

    /// Returns the names of the events that have a handler of their own.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.events.keys().map(|name| &**name)
    }

    /// Whether a handler has this order.
    pub(crate) fn has(&self, order: Order) -> bool {
        self.events.values().chain(&self.any).any(|entry| entry.order == order)
    }

    /// Gives the handlers that chose no order this one.
    pub(crate) fn settle_order(&mut self, order: Order) {
        for entry in self.events.values_mut().chain(&mut self.any) {
            if entry.order == Order::Inline {
                entry.order = order;
            }
        }
    }

    /// Puts another table behind this one, unless this one has a handler of all other events.
    pub(crate) fn stand_before(&mut self, other: &Self) {
        if self.any.is_none() {
            for (name, entry) in &other.events {
                self.events.entry(name.clone()).or_insert_with(|| entry.clone());
            }
            self.any.clone_from(&other.any);
        }
    }
}

impl<S: Side> Default for Table<S> {
    fn default() -> Self {
        Self { events: HashMap::default(), any: None }
    }
}
