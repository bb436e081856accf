//! Compiles the examples of the pages in `docs/`.

#[cfg(doctest)]
macro_rules! pages {
    ($($name:ident $page:literal)*) => {$(
        #[doc = include_str!(concat!("../../docs/", $page))]
        struct $name;
    )*};
}
#[cfg(doctest)]
pages! {
    Clients "clients.md"
    Clusters "clusters.md"
    Deployment "deployment.md"
    Emitters "emitters.md"
    Features "features.md"
    Flask "from-flask-socketio.md"
    Guarantees "guarantees.md"
    JavaScript "from-socket.io.md"
    Limits "limits.md"
    OtherClients "from-other-clients.md"
    Socketioxide "from-socketioxide.md"
    Troubleshooting "troubleshooting.md"
    Tutorial "tutorial.md"
}
