//! Random numbers of the operating system.

/// Returns what names and pauses of a process in a cluster are made of.
///
/// # Panics
/// When the operating system gives no random numbers.
#[must_use]
pub fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the operating system gives random numbers");
    seed
}
