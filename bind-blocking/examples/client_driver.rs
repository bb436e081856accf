//! The client driver on threads: see [`examples::driver`].

use examples::driver;

fn main() {
    driver::run("blocking", sansocket_blocking::open);
}
