//! The client driver on smol or async-std: see [`examples::driver`]. Where both are built in, `EXECUTOR=async-std`
//! takes the second.

use examples::driver;
use sansocket_async_std::Executor;

fn main() {
    #[cfg(all(feature = "async-std", feature = "smol"))]
    if std::env::var_os("EXECUTOR").is_some_and(|name| name == "async-std") {
        return driver::run("async-std", |client| Executor::ASYNC_STD.open(client));
    }
    let name = if cfg!(feature = "smol") { "smol" } else { "async-std" };
    driver::run(name, |client| Executor::default().open(client));
}
