//! Names of hosts, looked up by a worker.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::pool::{Pool, Work};

/// The addresses of a host, once a worker has found them.
pub(crate) struct LookUp(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    found: Option<io::Result<Vec<SocketAddr>>>,
    waker: Option<Waker>,
}

impl LookUp {
    /// Begins to look up a name.
    pub(crate) fn start(pool: &Arc<Pool>, host: String, port: u16) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        pool.queue(Work::Call(Box::new(move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            let mut state = lock(&shared);
            state.found = Some(found);
            let waker = state.waker.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        })));
        Self(state)
    }
}

impl Future for LookUp {
    type Output = io::Result<Vec<SocketAddr>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.0);
        match state.found.take() {
            Some(found) => Poll::Ready(found),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
