//! The time of answers.

use sansocket::Date;
use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    /// The second of the last answer of this thread, and how it is written.
    static LAST: Cell<(u64, Date)> = Cell::new((0, Date::from_unix(0)));
}

/// What the wall clock shows. It is written down once per second and thread.
pub(crate) fn now() -> Date {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (second, date) = LAST.get();
    if second == since {
        return date;
    }
    let date = Date::from_unix(since);
    LAST.set((since, date));
    date
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_date_is_the_one_of_the_wall_clock() {
        let read = || httpdate::parse_http_date(&now().to_string()).expect("a date");
        let before = SystemTime::now();
        let (first, second) = (read(), read());
        assert!(first <= second && second <= SystemTime::now());
        // Parts of a second are left out.
        assert!(before.duration_since(first).unwrap_or_default() < Duration::from_secs(1));
    }
}
