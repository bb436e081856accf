//! What the library tells of a connection by itself.

use async_nats::Event;
use sansocket_bus::{BrokerError, Format, Link};
use tokio::sync::mpsc::UnboundedReceiver;

/// What the library tells of a connection by itself.
#[derive(Debug)]
pub(crate) enum News {
    /// It ended, for this reason.
    Lost(String),
    /// A message came and was dropped: too many waited to be handed over.
    Dropped,
}

impl News {
    pub(crate) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Disconnected | Event::Closed => {
                Some(Self::Lost("the server closed the connection".into()))
            }
            Event::ServerError(error) => Some(Self::Lost(error.to_string())),
            Event::SlowConsumer(_) => Some(Self::Dropped),
            Event::Connected | Event::LameDuckMode | Event::Draining | Event::ClientError(_) => {
                None
            }
        }
    }

    /// Acts on news and on all that came with them. What was dropped is told at once.
    pub(crate) fn heed(
        self,
        more: &mut UnboundedReceiver<Self>,
        link: &Link,
    ) -> Result<(), BrokerError> {
        let (mut next, mut dropped) = (Some(self), 0_u64);
        let mut outcome = Ok(());
        while let Some(news) = next {
            match news {
                Self::Lost(why) => outcome = outcome.and(Err(BrokerError::new(why))),
                Self::Dropped => dropped += 1,
            }
            next = more.try_recv().ok();
        }
        if dropped > 0 {
            link.warn(&format!(
                "{dropped} messages or more came faster than they were handled, and are lost"
            ));
            match link.format() {
                // The node counts them by their numbers.
                Format::Native => {}
                // The library does not say by which subscription they came.
                Format::Classic | Format::Python | Format::Sharded | Format::Streams => {
                    link.missed("", dropped);
                }
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::News;
    use async_nats::Event;
    use sansocket_bus::{Command, End, Format, Link, Payload, Subscription};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Context, Poll};
    use std::time::Duration;
    use tokio::sync::mpsc;

    struct Counter {
        format: Format,
        missed: AtomicU64,
    }

    impl End for Counter {
        fn format(&self) -> Format {
            self.format
        }

        fn connected(&self, _largest: Option<usize>) {}

        fn lost(&self, _why: &str) -> Option<Duration> {
            None
        }

        fn subscribed(&self, _subscription: &Subscription) {}

        fn counted(&self, _channel: &str, _count: u64) {}

        fn pong(&self) {}

        fn delivered(&self, _channel: &str, _payload: &Payload<'_>) {}

        fn published(&self, _receivers: Option<u64>) {}

        fn missed(&self, _stream: &str, count: u64) {
            self.missed.fetch_add(count, Ordering::Relaxed);
        }

        fn poll_command(&self, _context: &mut Context<'_>) -> Poll<Option<Command>> {
            Poll::Pending
        }

        fn poll_closed(&self, _context: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    #[test]
    fn what_the_library_drops_is_counted_where_nobody_else_does() {
        for (format, expected) in [(Format::Python, 3), (Format::Native, 0)] {
            let counter = Arc::new(Counter { format, missed: AtomicU64::new(0) });
            let link = Link::new(Arc::clone(&counter) as Arc<dyn End>);
            let (tell, mut more) = mpsc::unbounded_channel();
            let dropped = || News::of(&Event::SlowConsumer(1)).unwrap();
            tell.send(dropped()).unwrap();
            tell.send(dropped()).unwrap();
            dropped().heed(&mut more, &link).unwrap();
            assert_eq!(counter.missed.load(Ordering::Relaxed), expected);
            tell.send(dropped()).unwrap();
            let closed = News::of(&Event::Disconnected).unwrap();
            let why = closed.heed(&mut more, &link).unwrap_err();
            assert!(why.to_string().contains("closed"), "{why}");
        }
    }
}
