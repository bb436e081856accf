//! What a pass over JSON is shown.

use std::ops::Range;

use super::unescape::unescaped;
use crate::error::Violation;

/// What JSON has elements in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::socket) enum Container {
    Array,
    Object,
}

/// What a pass over the text is shown besides its grammar.
///
/// Text comes as the whole and a range of it: a pass that does not look does not pay for slicing.
pub(in crate::socket) trait Watch {
    fn open(&mut self, container: Container);
    fn close_array(&mut self) {}
    fn close_object(&mut self) -> Result<(), Violation>;
    fn key(&mut self, text: &str, inside: Range<usize>);
    fn scalar(&mut self, text: &str, whole: Range<usize>);
}

/// Sees nothing: without attachments a placeholder is data like any other.
pub(super) struct Blind;

impl Watch for Blind {
    fn open(&mut self, _: Container) {}

    fn close_object(&mut self) -> Result<(), Violation> {
        Ok(())
    }

    fn key(&mut self, _: &str, _: Range<usize>) {}

    fn scalar(&mut self, _: &str, _: Range<usize>) {}
}

/// Sees the members of the outermost object.
pub(super) struct Members<'e> {
    /// How many objects are open.
    pub(super) objects: u32,
    pub(super) name: String,
    pub(super) each: &'e mut dyn FnMut(&str, &str),
}

impl Watch for Members<'_> {
    fn open(&mut self, container: Container) {
        self.objects += u32::from(matches!(container, Container::Object));
    }

    fn close_object(&mut self) -> Result<(), Violation> {
        self.objects -= 1;
        Ok(())
    }

    fn key(&mut self, text: &str, inside: Range<usize>) {
        if self.objects == 1 {
            self.name = unescaped(&text[inside]).into_owned();
        }
    }

    fn scalar(&mut self, text: &str, whole: Range<usize>) {
        if self.objects == 1 {
            (self.each)(&self.name, &text[whole]);
        }
    }
}
