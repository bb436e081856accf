//! Files as they were compressed before.

use bytes::Bytes;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

/// Bytes of files that are kept compressed, each counted with its length before that, its path and
/// [`ENTRY`].
const MOST: usize = 16 * 1024 * 1024;

/// About what an entry takes besides, in bytes.
const ENTRY: usize = 256;

/// A file that was changed so lately may be changed again without looking any newer.
const SETTLED: Duration = Duration::from_secs(2);

/// One version of a file.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Identity {
    /// Without symbolic links.
    pub(super) path: PathBuf,
    pub(crate) length: u64,
    pub(super) modified: Option<SystemTime>,
}

/// Compressed files that were requested lately.
///
/// They come in two generations: a file found in the old one moves to the young one, and when that
/// has taken half the room, the old one goes and it becomes the old one.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<(Identity, &'static str), Once>,
    old: HashMap<(Identity, &'static str), Once>,
    /// What the young one takes.
    bytes: usize,
}

/// Empty while a thread compresses; `None` inside when compressing does not pay.
type Once = Arc<OnceLock<Option<Bytes>>>;

impl Kept {
    /// Returns what `compress` made of a file in some coding when that was last asked for. Whoever
    /// comes while it is being made waits for it.
    pub(crate) fn get(
        &self,
        file: Identity,
        coding: &'static str,
        compress: impl FnOnce() -> Option<Bytes>,
    ) -> Option<Bytes> {
        if !file.is_settled(SystemTime::now()) {
            return compress();
        }
        let once = self.0.lock().unwrap_or_else(PoisonError::into_inner).find((file, coding));
        // Without the lock: other files do not wait.
        once.get_or_init(compress).clone()
    }
}

impl Generations {
    fn find(&mut self, key: (Identity, &'static str)) -> Once {
        if let Some(once) = self.young.get(&key) {
            return once.clone();
        }
        let once = self.old.remove(&key).unwrap_or_default();
        let bytes = key.0.bytes();
        if self.bytes + bytes > MOST / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.young.insert(key, once.clone());
        once
    }
}

impl Identity {
    fn bytes(&self) -> usize {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX / 2);
        length + self.path.as_os_str().len() + ENTRY
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let age = self.modified.and_then(|modified| now.duration_since(modified).ok());
        age.is_some_and(|age| age >= SETTLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    fn file(name: impl Into<PathBuf>, length: u64) -> Identity {
        Identity { path: name.into(), length, modified: Some(SystemTime::UNIX_EPOCH) }
    }

    /// Whether a file has to be compressed.
    fn compresses(kept: &Kept, file: Identity, coding: &'static str) -> bool {
        let mut compressed = false;
        kept.get(file, coding, || {
            compressed = true;
            None
        });
        compressed
    }

    #[test]
    fn a_version_of_a_file_is_compressed_once_for_each_coding() {
        let kept = Kept::default();
        let version = |length, seconds| Identity {
            modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
            ..file("a", length)
        };
        for fresh in [true, false] {
            assert_eq!(compresses(&kept, version(1, 1), "gzip"), fresh);
            assert_eq!(compresses(&kept, version(1, 1), "deflate"), fresh);
            assert_eq!(compresses(&kept, version(2, 1), "gzip"), fresh);
            assert_eq!(compresses(&kept, version(1, 2), "gzip"), fresh);
            assert_eq!(compresses(&kept, file("b", 1), "gzip"), fresh);
        }
        assert_eq!(kept.get(file("c", 9), "gzip", || Some("c".into())), Some("c".into()));
        assert_eq!(kept.get(file("c", 9), "gzip", || None), Some("c".into()));
    }

    #[test]
    fn a_file_that_may_still_change_is_not_kept() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let changed = |ago| Identity { modified: Some(now - ago), ..file("a", 1) };
        assert!(!changed(SETTLED - Duration::from_nanos(1)).is_settled(now));
        assert!(changed(SETTLED).is_settled(now));
        assert!(!changed(Duration::ZERO).is_settled(now - SETTLED));
        assert!(!Identity { modified: None, ..file("a", 1) }.is_settled(now));
        let fresh = Identity { modified: Some(SystemTime::now()), ..file("a", 1) };
        let kept = Kept::default();
        assert!(compresses(&kept, fresh.clone(), "gzip") && compresses(&kept, fresh, "gzip"));
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_asked_for_stays() {
        let kept = Kept::default();
        let large = |n: usize| file(format!("{n:08}"), 64 * 1024);
        let each = large(0).bytes();
        for n in 0..4 * MOST / each {
            compresses(&kept, large(n), "gzip");
            assert_eq!(compresses(&kept, file("popular", 64 * 1024), "gzip"), n == 0);
            let generations = kept.0.lock().unwrap();
            let many = generations.young.len() + generations.old.len();
            assert!(many * each <= MOST, "{many} files");
        }
        assert!(compresses(&kept, large(0), "gzip"));
    }

    #[test]
    fn many_who_come_at_once_wait_for_one_that_compresses() {
        let (kept, times, all) = (Kept::default(), AtomicUsize::new(0), Barrier::new(8));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    all.wait();
                    let body = kept.get(file("a", 1), "gzip", || {
                        times.fetch_add(1, Ordering::Relaxed);
                        thread::yield_now();
                        Some("a".into())
                    });
                    assert_eq!(body, Some("a".into()));
                });
            }
        });
        assert_eq!(times.into_inner(), 1);
    }
}
