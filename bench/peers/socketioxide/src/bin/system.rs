//! With the allocator of the system.

fn main() {
    peer_socketioxide::main();
}
