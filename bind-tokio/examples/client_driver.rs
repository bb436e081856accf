//! The client driver on tokio: see [`examples::driver`].

use examples::driver;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _inside = runtime.enter();
    driver::run("tokio", sansocket_tokio::open);
    Ok(())
}
