//! [`Watched`]: a value that is made of files, and made anew when one of them has changed.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{Context, SHA256};
use tracing::{info, warn};

use crate::tls::TlsError;
use crate::tls::pem::Pem;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

type Make<T> = Box<dyn Fn(&[Pem]) -> Result<T, TlsError> + Send + Sync>;
type Digest = Vec<u8>;

/// Clones share everything; with the last one the looking ends.
pub(crate) struct Watched<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    /// What it is, for the log.
    what: &'static str,
    files: Vec<PathBuf>,
    make: Make<T>,
    current: ArcSwap<T>,
    seen: Mutex<Seen>,
    failures: AtomicU64,
}

/// What has been found in the files.
struct Seen {
    /// What the current value is made of.
    in_use: Digest,
    /// What nothing can be made of, and how often it has been seen.
    broken: Option<(Digest, u32)>,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Makes the value, and looks at the files from now on.
    pub(crate) fn open(
        what: &'static str,
        files: Vec<PathBuf>,
        make: impl Fn(&[Pem]) -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let read = read(&files)?;
        let current = ArcSwap::from_pointee(make(&read)?);
        let seen = Mutex::new(Seen { in_use: digest(&read), broken: None });
        let (make, failures): (Make<T>, _) = (Box::new(make), AtomicU64::new(0));
        let inner = Arc::new(Inner { what, files, make, current, seen, failures });
        if !inner.files.is_empty() {
            look_on(Arc::downgrade(&inner));
        }
        Ok(Self { inner })
    }
}

impl<T> Watched<T> {
    pub(crate) fn current(&self) -> Arc<T> {
        self.inner.current.load_full()
    }

    /// How often new files could not be used.
    pub(crate) fn failures(&self) -> u64 {
        self.inner.failures.load(Ordering::Relaxed)
    }
}

/// On a thread of its own: reading files waits, and whoever makes a client need not have a runtime.
fn look_on<T: Send + Sync + 'static>(inner: Weak<Inner<T>>) {
    let looking = move || {
        loop {
            std::thread::sleep(LOOK_EVERY);
            let Some(inner) = inner.upgrade() else { return };
            inner.look();
        }
    };
    let started = std::thread::Builder::new().name("tls-files".to_owned()).spawn(looking);
    if let Err(cause) = started {
        warn!(%cause, "certificates will not be read again: no thread");
    }
}

impl<T> Inner<T> {
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = read(&self.files);
        let digest = match &found {
            Ok(files) => digest(files),
            Err(error) => error.to_string().into_bytes(),
        };
        if digest == seen.in_use {
            seen.broken = None;
            return;
        }
        match found.and_then(|files| (self.make)(&files)) {
            Ok(made) => {
                self.current.store(Arc::new(made));
                *seen = Seen { in_use: digest, broken: None };
                info!("took over the new {}", self.what);
            }
            Err(error) => self.stay(&mut seen, digest, &error),
        }
    }

    /// Files are not replaced all at once: what cannot be used is a failure when it is still there the next time.
    fn stay(&self, seen: &mut Seen, digest: Digest, error: &TlsError) {
        let times = match &seen.broken {
            Some((broken, times)) if *broken == digest => times.saturating_add(1),
            _ => 1,
        };
        seen.broken = Some((digest, times));
        if times == 2 {
            self.failures.fetch_add(1, Ordering::Relaxed);
            warn!(cause = %error, "cannot use the new {}, the one of before stays: {error}", self.what);
        }
    }
}

fn read(files: &[PathBuf]) -> Result<Vec<Pem>, TlsError> {
    files.iter().map(|path| Pem::read(path)).collect()
}

/// Not the bytes themselves: there is a key among them.
fn digest(files: &[Pem]) -> Digest {
    let mut context = Context::new(&SHA256);
    for file in files {
        context.update(&(file.bytes.len() as u64).to_be_bytes());
        context.update(&file.bytes);
    }
    context.finish().as_ref().to_vec()
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Watched({}, {:?})", self.inner.what, self.inner.files)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn open(files: &[&Path]) -> Result<Watched<String>, TlsError> {
        let files = files.iter().map(|path| path.to_path_buf()).collect();
        Watched::open("text", files, |read| {
            let text: Vec<_> =
                read.iter().map(|file| String::from_utf8_lossy(&file.bytes)).collect();
            let text = text.join("+");
            if text.contains("bad") { Err(TlsError::Incomplete("bad")) } else { Ok(text) }
        })
    }

    #[test]
    fn what_cannot_be_used_leaves_the_value_of_before_and_counts_once() -> Tested {
        let folder = tempfile::tempdir()?;
        let (one, two) = (folder.path().join("1"), folder.path().join("2"));
        fs::write(&one, "a")?;
        fs::write(&two, "b")?;
        let watched = open(&[&one, &two])?;
        for text in ["bad", "worse, bad"] {
            fs::write(&two, text)?;
            let before = watched.failures();
            for expected in [before, before + 1, before + 1, before + 1] {
                watched.inner.look();
                assert_eq!((watched.current().as_str(), watched.failures()), ("a+b", expected));
            }
        }
        fs::remove_file(&two)?;
        watched.inner.look();
        watched.inner.look();
        assert_eq!((watched.current().as_str(), watched.failures()), ("a+b", 3));
        fs::write(&two, "c")?;
        watched.inner.look();
        assert_eq!((watched.current().as_str(), watched.failures()), ("a+c", 3));
        Ok(())
    }

    /// Of two files one is there before the other.
    #[test]
    fn what_is_broken_for_a_moment_is_no_failure() -> Tested {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("1");
        fs::write(&file, "a")?;
        let watched = open(&[&file])?;
        for text in ["bad", "a", "bad", "b"] {
            fs::write(&file, text)?;
            watched.inner.look();
        }
        assert_eq!((watched.current().as_str(), watched.failures()), ("b", 0));
        Ok(())
    }

    #[test]
    fn bytes_that_move_from_one_file_to_the_next_are_a_change() -> Tested {
        let folder = tempfile::tempdir()?;
        let (one, two) = (folder.path().join("1"), folder.path().join("2"));
        fs::write(&one, "ab")?;
        fs::write(&two, "c")?;
        let watched = open(&[&one, &two])?;
        fs::write(&one, "a")?;
        fs::write(&two, "bc")?;
        watched.inner.look();
        assert_eq!(watched.current().as_str(), "a+bc");
        Ok(())
    }
}
