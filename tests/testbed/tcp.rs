//! The client's end of one TCP connection.

use std::cell::RefCell;
use std::rc::Rc;

use crate::http::Answer;
use crate::net::World;

/// The client's end of one TCP connection, or of one WebTransport stream.
pub struct Tcp {
    world: Rc<RefCell<World>>,
    at: usize,
    /// What came and was not looked at.
    pub(crate) unread: Vec<u8>,
}

impl Tcp {
    pub(crate) fn open(world: &Rc<RefCell<World>>) -> Self {
        let at = world.borrow_mut().connect();
        Self { world: world.clone(), at, unread: Vec::new() }
    }

    pub(crate) fn stream(world: &Rc<RefCell<World>>) -> Self {
        let at = world.borrow_mut().open_stream();
        Self { world: world.clone(), at, unread: Vec::new() }
    }

    /// Sends bytes, in the chunks the simulation is set to.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.world.borrow_mut().send(self.at, bytes.as_ref());
    }

    /// Drops the connection without a word.
    pub fn vanish(&mut self) {
        self.world.borrow_mut().vanish(self.at);
    }

    /// Takes at most so many more bytes from the server.
    pub fn take_only(&mut self, window: usize) {
        self.world.borrow_mut().take_only(self.at, window);
    }

    /// Whether the server has not closed the connection.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.world.borrow().is_open(self.at)
    }

    /// Bytes the server holds for the connection.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.world.borrow().bytes_held(self.at)
    }

    /// Takes everything that came and was not looked at.
    pub fn take(&mut self) -> Vec<u8> {
        self.pull();
        std::mem::take(&mut self.unread)
    }

    /// Takes the next HTTP answer, when it is complete.
    pub fn answer(&mut self) -> Option<Answer> {
        self.pull();
        let (answer, used) = Answer::parse(&self.unread)?;
        self.unread.drain(..used);
        Some(answer)
    }

    pub(crate) fn pull(&mut self) {
        self.unread.extend(self.world.borrow_mut().take_outgoing(self.at));
    }
}
