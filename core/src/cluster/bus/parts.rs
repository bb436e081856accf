//! Long answers of our own format, in parts that a broker carries.

use super::{BusLimits, Found, Handshake, Report};
use crate::socket::Args;

/// Takes as much from the front of an answer as fits into so many bytes, with what is around it: one client or name
/// at least. What is left in `report` is for the next part.
pub(in crate::cluster) fn split(report: &mut Report, bytes: usize, limits: &BusLimits) -> Report {
    match report {
        Report::Found(clients) => Report::Found(front(clients, bytes, limits.clients, client)),
        Report::Ids(ids) => Report::Ids(front(ids, bytes, limits.names, |id| text(id))),
        Report::Rooms(rooms) => Report::Rooms(front(rooms, bytes, limits.names, |room| text(room))),
        Report::Acknowledged { .. } | Report::Clients(_) | Report::Done | Report::Replied(_) => {
            std::mem::replace(report, Report::Done)
        }
    }
}

/// Whether nothing is left of an answer.
pub(in crate::cluster) fn is_spent(report: &Report) -> bool {
    match report {
        Report::Found(clients) => clients.is_empty(),
        Report::Ids(names) | Report::Rooms(names) => names.is_empty(),
        Report::Acknowledged { .. } | Report::Clients(_) | Report::Replied(_) => false,
        Report::Done => true,
    }
}

/// The first elements that have so many bytes at most, and are so many at most.
fn front<T>(list: &mut Vec<T>, bytes: usize, most: usize, size: impl Fn(&T) -> usize) -> Vec<T> {
    let mut left = bytes;
    let fits = |element: &&T| {
        let rest = left.checked_sub(size(element));
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let count = list.iter().take(most).take_while(fits).count().max(1).min(list.len());
    let rest = list.split_off(count);
    std::mem::replace(list, rest)
}

/// Bytes of a client, at most.
fn client(client: &Found) -> usize {
    let Found { id, rooms, data, handshake } = client;
    let Handshake { address, auth, headers, query, time, url, .. } = handshake;
    let rooms: usize = rooms.iter().map(|room| text(room)).sum();
    let texts: usize =
        [id, address, auth, headers, query, time, url].map(|it| text(it)).iter().sum();
    FIELDS + rooms + texts + args(data)
}

fn args(args: &Args) -> usize {
    let attached: usize = args.attachments().iter().map(|bytes| HEAD + bytes.len()).sum();
    text(args.json()) + HEAD + attached
}

fn text(text: &str) -> usize {
    HEAD + text.len()
}

/// Bytes in front of a text, a list or an attachment, at most.
const HEAD: usize = 5;

/// Bytes of the other fields of a client, at most: its list, the list of its rooms, a number and two truths.
const FIELDS: usize = 2 * HEAD + 9 + 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<Box<str>> {
        (0..count).map(|n| format!("{n:05}").into()).collect()
    }

    #[test]
    fn an_answer_is_split_by_bytes_and_by_number() {
        let limits = BusLimits { names: 3, ..BusLimits::default() };
        for (bytes, first) in [(0, 1), (10, 1), (19, 1), (20, 2), (30, 3), (1000, 3)] {
            let mut rest = Report::Ids(names(5));
            let Report::Ids(part) = split(&mut rest, bytes, &limits) else { panic!("{rest:?}") };
            assert_eq!(part, names(5)[..first], "{bytes}");
            assert_eq!(rest, Report::Ids(names(5)[first..].to_vec()), "{bytes}");
        }
        let mut none = Report::Rooms(Vec::new());
        assert_eq!(split(&mut none, 10, &limits), Report::Rooms(Vec::new()));
        assert!(is_spent(&none));
    }
}
