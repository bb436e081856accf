//! Placeholders of attachments in JSON.

use std::collections::BTreeSet;
use std::ops::Range;

use super::unescape::unescaped;
use super::watch::{Container, Watch};
use crate::error::Violation;

/// Sees that every placeholder names an attachment the packet announced, and no other placeholder the
/// same one: decoding the packet then makes no more of it than was sent.
pub(super) struct Placeholders {
    attachments: u32,
    named: Named,
    /// The innermost object around the cursor: placeholders are mostly in none but their own.
    object: Option<Object>,
    /// Those around it. Bounded by `Nesting`.
    outer: Vec<Object>,
}

/// What is known so far about an object; of equal keys the last one counts, as in JavaScript.
#[derive(Debug, Default)]
pub(in crate::socket) struct Object {
    /// The member whose value comes next.
    member: Member,
    is_placeholder: bool,
    /// The attachment announced that it names.
    attachment: Option<u32>,
}

/// The attachments that placeholders named. Bounded by their number.
#[derive(Default)]
struct Named {
    /// Those up to 63: most packets have no others.
    first: u64,
    more: BTreeSet<u32>,
}

impl Named {
    /// Adds an attachment; `false` when it was named before.
    fn insert(&mut self, attachment: u32) -> bool {
        let Some(bit) = 1_u64.checked_shl(attachment) else {
            return self.more.insert(attachment);
        };
        let is_new = self.first & bit == 0;
        self.first |= bit;
        is_new
    }
}

#[derive(Debug, Default)]
enum Member {
    Placeholder,
    Num,
    #[default]
    Other,
}

impl Member {
    /// A member whose name is not plainly one of those that count.
    #[inline(never)]
    fn escaped(inside: &str) -> Self {
        match &*unescaped(inside) {
            "_placeholder" => Self::Placeholder,
            "num" => Self::Num,
            _ => Self::Other,
        }
    }
}

impl Placeholders {
    pub(super) fn new(attachments: u32) -> Self {
        Self { attachments, named: Named::default(), object: None, outer: Vec::new() }
    }

    /// Takes note of the value of the member that was read last.
    fn assign(&mut self, value: &str) {
        if let Some(object) = &mut self.object {
            object.assign(value, self.attachments);
        }
    }
}

impl Object {
    /// Takes note of the name of a member, which is still escaped.
    #[inline(always)]
    pub(in crate::socket) fn name(&mut self, inside: &str) {
        self.member = match inside {
            "_placeholder" => Member::Placeholder,
            "num" => Member::Num,
            _ => Member::escaped(inside),
        };
    }

    /// Takes note of the value of that member, of a packet with so many attachments.
    #[inline(always)]
    pub(in crate::socket) fn assign(&mut self, value: &str, attachments: u32) {
        // Taken, since the elements of an array that is a member's value belong to no member.
        match std::mem::take(&mut self.member) {
            Member::Placeholder => self.is_placeholder = value == "true",
            Member::Num => {
                self.attachment = value.parse().ok().filter(|&num| num < attachments);
            }
            Member::Other => {}
        }
    }

    /// The attachment whose placeholder it is.
    pub(in crate::socket) fn attachment(&self) -> Option<u32> {
        self.attachment.filter(|_| self.is_placeholder)
    }
}

impl Watch for Placeholders {
    fn open(&mut self, container: Container) {
        self.assign("");
        if let Container::Object = container {
            self.outer.extend(self.object.replace(Object::default()));
        }
    }

    fn close_object(&mut self) -> Result<(), Violation> {
        let Some(object) = std::mem::replace(&mut self.object, self.outer.pop()) else {
            return Ok(());
        };
        let is_sound = !object.is_placeholder
            || object.attachment.is_some_and(|attachment| self.named.insert(attachment));
        if is_sound { Ok(()) } else { Err(Violation::IllegalAttachments) }
    }

    fn key(&mut self, text: &str, inside: Range<usize>) {
        if let Some(object) = &mut self.object {
            object.name(&text[inside]);
        }
    }

    fn scalar(&mut self, text: &str, whole: Range<usize>) {
        self.assign(&text[whole]);
    }
}
