//! [`MovedClock`]: the wall clock of processes, moved while they run, as by a time server; by Debian's faketime.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// One for all processes that are started with it.
pub struct MovedClock {
    library: PathBuf,
    file: PathBuf,
}

impl MovedClock {
    /// It is right at first.
    pub fn new(folder: &Path) -> Self {
        let library = library().expect("libfaketime: `apt-get install faketime`");
        let own = Self { library, file: folder.join("clock") };
        own.write(Duration::ZERO);
        own
    }

    /// What is started by this command goes by this clock. Pauses and deadlines do not: time passes as ever.
    pub fn on(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library);
        command.env("FAKETIME_TIMESTAMP_FILE", &self.file);
        // It looks by how much each time that it is asked.
        command.env("FAKETIME_NO_CACHE", "1");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }

    /// From now on it is so much later.
    pub fn is_ahead(&self, by: Duration) {
        self.write(by);
    }

    fn write(&self, by: Duration) {
        let next = self.file.with_extension("next");
        fs::write(&next, format!("+{}s\n", by.as_secs())).expect("it is written");
        fs::rename(next, &self.file).expect("it is put in place");
    }
}

/// Debian keeps it in a folder for each architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let paths = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| path.exists())
}
