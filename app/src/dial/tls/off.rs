//! What stands for the trust of a client where the feature `tls` is off.

use sansocket::client::Fault;

use crate::dial::secure::Secure;
use crate::serve::carry::Wire;

/// Which certificates a client trusts: none without the feature `tls`.
#[derive(Clone, Default)]
pub(crate) struct Trust;

impl Trust {
    pub(super) async fn to_proxy<S: Wire>(&self, _: S, _: &str) -> Result<Secure<S>, Fault> {
        Err(missing())
    }

    pub(super) async fn to_server<S: Wire>(&self, _: S, _: &str) -> Result<Secure<S>, Fault> {
        Err(missing())
    }
}

fn missing() -> Fault {
    Fault::transport("this program has no TLS: build it with the feature `tls` of Sansocket")
}
