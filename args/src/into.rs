//! Arguments to send, typed or encoded already.

use sansocket::{Args, ArgsRef};
use serde::Serialize;
use std::cell::RefCell;

use crate::encode::{EncodeError, encode};

/// Arguments of an event or an acknowledgement, as every sending method takes them.
///
/// | written | arguments |
/// |---|---|
/// | `&()` | none |
/// | `&(a, b)` | one per element |
/// | `&value`, where the type is [`Serialize`] | one |
/// | [`ArgsRef`], [`Args`], `RawRest` of a server | those that are encoded already, binary included |
///
/// A typed value is given by reference; the [front page](crate) says which types are several
/// arguments. [`EventMessage::args`](sansocket::EventMessage::args) and [`Args::as_ref`] return an
/// [`ArgsRef`]. The trait is implemented for nothing else, and cannot be.
///
/// An array such as `&[a, b, c]` is several arguments too, because serde cannot tell it from a tuple:
/// both have their length in their type. A `Vec` or a slice is one argument, and so is
/// `&([a, b, c],)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the arguments of an event",
    label = "neither a reference to a serializable value nor encoded arguments",
    note = "a value is given by reference, `&value`, and its type is `serde::Serialize`",
    note = "several arguments are a tuple, `&(a, b)`, and no arguments are `&()`",
    note = "`Args` and `EventMessage` are passed on as `args.as_ref()` and `message.args()`"
)]
pub trait IntoArgs {
    #[doc(hidden)]
    fn lend<R, E: From<EncodeError>>(
        self,
        act: impl FnOnce(ArgsRef<'_>) -> Result<R, E>,
        sealed: Sealed,
    ) -> Result<R, E>;
}

/// Keeps applications from implementing [`IntoArgs`].
#[derive(Debug)]
pub struct Sealed(());

/// Encodes arguments, where they are not encoded already, and lends them.
#[inline(always)]
pub fn with_args<R, E: From<EncodeError>>(
    args: impl IntoArgs,
    act: impl FnOnce(ArgsRef<'_>) -> Result<R, E>,
) -> Result<R, E> {
    args.lend(act, Sealed(()))
}

impl<T: Serialize + ?Sized> IntoArgs for &T {
    /// Encodes them into a buffer that the thread keeps.
    #[inline]
    fn lend<R, E: From<EncodeError>>(
        self,
        act: impl FnOnce(ArgsRef<'_>) -> Result<R, E>,
        _: Sealed,
    ) -> Result<R, E> {
        // Taken out while in use: a `Serialize` of the application may itself emit.
        let mut json = SCRATCH.with(RefCell::take);
        json.clear();
        let mut attachments = Vec::new();
        let result = match encode(self, &mut json, &mut attachments) {
            Ok(()) => {
                let text = std::str::from_utf8(&json).expect("JSON text is UTF-8");
                act(ArgsRef::from_valid(text, &attachments))
            }
            Err(error) => Err(error.into()),
        };
        if json.capacity() <= KEEP {
            SCRATCH.with(|scratch| scratch.replace(json));
        }
        result
    }
}

impl IntoArgs for ArgsRef<'_> {
    #[inline]
    fn lend<R, E: From<EncodeError>>(
        self,
        act: impl FnOnce(ArgsRef<'_>) -> Result<R, E>,
        _: Sealed,
    ) -> Result<R, E> {
        act(self)
    }
}

impl IntoArgs for Args {
    #[inline]
    fn lend<R, E: From<EncodeError>>(
        self,
        act: impl FnOnce(ArgsRef<'_>) -> Result<R, E>,
        _: Sealed,
    ) -> Result<R, E> {
        act(self.as_ref())
    }
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The capacity beyond which a thread gives its buffer back.
const KEEP: usize = 64 * 1024;
