//! Naming rooms: one, or a list of them.

use sansocket::Id;
use std::borrow::Cow;
use std::sync::Arc;

/// One room or several, as `to`, `except` and `join` take them: a string, or an array, a slice or a `Vec` of strings.
///
/// The id of a client names the room that holds this client alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no rooms",
    label = "neither a room nor a list of rooms",
    note = "a room is a string or the id of a client; several are an array, a slice or a `Vec` of those"
)]
pub trait Rooms {
    /// Calls `take` with each name.
    fn each(&self, take: &mut dyn FnMut(&str));
}

impl Rooms for str {
    fn each(&self, take: &mut dyn FnMut(&str)) {
        take(self);
    }
}

impl Rooms for Id {
    fn each(&self, take: &mut dyn FnMut(&str)) {
        take(self.as_str());
    }
}

macro_rules! strings {
    ($($string:ty),*) => {$(
        impl Rooms for $string {
            fn each(&self, take: &mut dyn FnMut(&str)) {
                take(self);
            }
        }
    )*};
}
strings!(String, Box<str>, Arc<str>, Cow<'_, str>);

impl<R: Rooms> Rooms for [R] {
    fn each(&self, take: &mut dyn FnMut(&str)) {
        for rooms in self {
            rooms.each(take);
        }
    }
}

impl<R: Rooms, const N: usize> Rooms for [R; N] {
    fn each(&self, take: &mut dyn FnMut(&str)) {
        self.as_slice().each(take);
    }
}

impl<R: Rooms> Rooms for Vec<R> {
    fn each(&self, take: &mut dyn FnMut(&str)) {
        self.as_slice().each(take);
    }
}

impl<R: Rooms + ?Sized> Rooms for &R {
    fn each(&self, take: &mut dyn FnMut(&str)) {
        (**self).each(take);
    }
}
