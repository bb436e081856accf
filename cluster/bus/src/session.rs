//! The connection of a broker whose library needs tokio.

use std::future::Future;
use tokio::runtime::Builder;

use crate::BrokerError;

/// Runs the connection of a broker on this thread, on a tokio of its own: what [`Broker::run`](crate::Broker::run) does
/// where the library needs it.
///
/// # Errors
/// That of the session, or when the operating system has no file descriptors left.
pub fn run_on_tokio(
    session: impl Future<Output = Result<(), BrokerError>>,
) -> Result<(), BrokerError> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(BrokerError::new)?;
    let outcome = runtime.block_on(session);
    // A name that is being looked up must not hold it.
    runtime.shutdown_background();
    outcome
}
