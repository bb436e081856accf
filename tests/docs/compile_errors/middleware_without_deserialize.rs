//! `Login` cannot be a parameter of a handler
//! derive it for your own type

use sansocket_app::App;

struct Login {
    name: String,
}

pub fn app(app: &mut App) {
    app.namespace("/chat").middleware(|login: Login| login.name != "Eve");
    app.middleware_everywhere(|login: Login| login.name != "Eve");
}
