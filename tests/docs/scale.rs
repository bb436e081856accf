//! The figures of `docs/scale.md` are those that `bench/RESULTS.md` has.

const SCALE: &str = include_str!("../../docs/scale.md");
const RESULTS: &str = include_str!("../../bench/RESULTS.md");

/// The columns of the table of results for each binding, behind the name of the row.
const TOKIO: usize = 0;
const SMOL: usize = 1;
const THREADS: usize = 3;

/// The figures of a row of the table of costs.
fn row(name: &str) -> Vec<f64> {
    let costs = RESULTS.split("## CPU µs per message").nth(1).expect("the table of costs");
    let start = format!("| {name} |");
    let line = costs.lines().find_map(|line| line.strip_prefix(&start)).expect("the row");
    let digits = |cell: &str| -> String {
        cell.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect()
    };
    line.split('|').filter_map(|cell| digits(cell).parse().ok()).collect()
}

/// The number between two texts of the page.
fn told(before: &str, after: &str) -> f64 {
    let rest = SCALE.split(before).nth(1).unwrap_or_else(|| panic!("no {before:?} in the page"));
    let (number, _) = rest.split_once(after).expect("what follows the number");
    number.parse().unwrap_or_else(|_| panic!("{number:?} behind {before:?}"))
}

#[test]
fn figures_of_the_page_on_scale_are_measured_ones() {
    let idle = row("idle WebSocket, bytes of memory per connection");
    let many = row("echo, 64 × 16");
    let alone = row("echo, 1000 × 1");
    let connect = row("connect + namespace + close");
    for (told, measured) in [
        (told("(row *idle WebSocket*:\n", " bytes on tokio"), idle[TOKIO]),
        (told(" bytes on tokio, ", " on smol"), idle[SMOL]),
        (told(" on smol, ", " on threads"), idle[THREADS]),
        (told("*echo*: between ", " µs (many at once)"), many[TOKIO]),
        (told("(many at once) and ", " µs (each by itself)"), alone[TOKIO]),
        (told("*connect*: ", " µs |"), connect[TOKIO]),
        (told("clients come back at once: with ", " µs a core"), connect[TOKIO]),
    ] {
        // The page rounds, and runs differ by a little.
        assert!(
            (told / measured - 1.0).abs() < 0.03,
            "the page says {told}, measured is {measured}"
        );
    }
}
