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
    Deployment "deployment.md"
    Flask "from-flask-socketio.md"
    Guarantees "guarantees.md"
    JavaScript "from-socket.io.md"
    Limits "limits.md"
    Socketioxide "from-socketioxide.md"
    Troubleshooting "troubleshooting.md"
    Tutorial "tutorial.md"
}
