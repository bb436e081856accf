//! The rooms of all servers.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cluster::asked::Asked;
use crate::cluster::missing::Missing;
use crate::sockets::error::EmitError;
use crate::wait::wait;

/// Waits until all servers have told which rooms they have. Those of this process are looked for before it is returned.
///
/// # Cancel safety
/// Dropping it loses the list and nothing else; a new one asks again.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct FindRooms {
    /// Those of this process; taken when it is ready.
    here: BTreeSet<String>,
    asked: Asked,
}

/// The rooms of all servers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AllRooms {
    /// The names of the rooms, those that are the ids of clients among them.
    pub rooms: BTreeSet<String>,
    /// Which processes did not answer, if any.
    pub missing: Option<Missing>,
}

impl FindRooms {
    pub(crate) fn new(here: BTreeSet<String>, asked: Asked) -> Self {
        Self { here, asked }
    }

    /// Waits on this thread; never inside an async handler.
    ///
    /// # Errors
    /// When other servers cannot be asked; a server that is alone always answers.
    pub fn wait(self) -> Result<AllRooms, EmitError> {
        wait(self)
    }
}

impl Future for FindRooms {
    type Output = Result<AllRooms, EmitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { here, asked } = &mut *self;
        asked.poll(context).map(|outcome| {
            let mut outcome = outcome?;
            let missing = Missing::of(&mut outcome);
            let mut rooms = std::mem::take(here);
            rooms.extend(outcome.rooms.into_iter().map(String::from));
            Ok(AllRooms { rooms, missing })
        })
    }
}
