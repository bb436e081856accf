//! implementation of `Deserialize` is not general enough

use sansocket_app::App;

fn say(text: &str) -> usize {
    text.len()
}

pub fn app(app: &mut App) {
    app.on("say", say);
}
