//! What stands for encryption where the feature `tls` is off: a type without values, which costs nothing.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::task::{Context, Poll};

use crate::serve::carry::Wire;

/// A stream with encryption; there is none without the feature `tls`.
pub(super) struct Secure<S>(Infallible, PhantomData<S>);

impl<S: Unpin> Wire for Secure<S> {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_write(&mut self, _: &mut Context<'_>, _: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}
