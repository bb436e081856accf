//! Engine.IO alone: every message comes back.

use sansocket_app::{App, Config, Layer};
use std::time::Duration;

/// The settings the public Engine.IO protocol suites expect, that of revision 3 too.
#[must_use]
pub fn config() -> Config {
    let mut config = Config::default();
    config.path = "/engine.io/".into();
    config.layer = Layer::EngineIo;
    config.allow_eio3 = true;
    config.ping_interval = Duration::from_millis(300);
    config.ping_timeout = Duration::from_millis(200);
    config
}

/// The application.
#[must_use]
pub fn app(config: Config) -> App {
    let mut app = App::with_config(config);
    app.on_engine_message(|session, message| {
        // A session that ended meanwhile needs no echo.
        let _ = session.send(&message);
    });
    app
}
