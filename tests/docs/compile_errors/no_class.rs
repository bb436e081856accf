//! `Chat` is no namespace class
//! implement `NamespaceClass` for it

use sansocket_app::App;

struct Chat;

pub fn app(app: &mut App) {
    app.class("/chat", Chat);
}
