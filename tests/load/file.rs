//! `file`: how fast files leave file-service, against nginx that serves the same files, and how fast they come in, against a
//! process that does no more than hash and write them; and the memory of 50 transfers at once.
//!
//! Both sides have two workers and share the cores with the load, which reads and throws away.

mod baseline;
mod nginx;
mod report;
mod subject;
mod transfers;

use std::path::Path;
use std::time::Instant;

use tempfile::TempDir;

use crate::harness::{Failure, Settings};
use crate::process::output_of;
pub use baseline::Writing;
use nginx::Nginx;
pub use subject::{Server, serve};
use subject::{Stored, Subject};
use transfers::{Small, Transfers};

const MIB: usize = 1 << 20;
/// The large file that is downloaded.
const LARGE: usize = 1024 * MIB;
/// The small file.
const SMALL: usize = 10 * 1024;
/// How much is uploaded.
const UPLOAD: usize = 256 * MIB;
/// Requests of a round for the small file.
const REQUESTS: usize = 16_000;
/// Of the transfers at once half go in and half go out.
const AT_ONCE: usize = 50;
/// How much each of them is: an upload has to be written to the disk, a download does not.
const UP_AT_ONCE: usize = 64 * MIB;
const DOWN_AT_ONCE: usize = 512 * MIB;

/// One side of a round.
struct Side {
    download_mb_s: f64,
    upload_mb_s: f64,
    small: Small,
}

struct Round {
    baseline: Side,
    subject: Side,
}

/// Measures and prints.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let bench = Bench::start()?;
    bench.round()?;
    let (started, mut rounds) = (Instant::now(), Vec::new());
    while settings.goes_on(started, rounds.len()) {
        rounds.push(bench.round()?);
    }
    let crowd = bench.crowd()?;
    if settings.json() {
        println!("{}", report::as_json(&rounds, &crowd));
    } else {
        report::print_table(&rounds, &crowd);
    }
    Ok(())
}

struct Bench {
    subject: Subject,
    nginx: Nginx,
    transfers: Transfers,
    large: Stored,
    small: Stored,
    folder: TempDir,
}

impl Bench {
    fn start() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let transfers = Transfers::new()?;
        let subject = Subject::start(folder.path())?;
        let large = subject.upload(&transfers, LARGE)?;
        let small = subject.upload(&transfers, SMALL)?;
        let nginx = Nginx::start(folder.path(), &subject.objects())?;
        Ok(Self { subject, nginx, transfers, large, small, folder })
    }

    fn round(&self) -> Result<Round, Failure> {
        let (nginx, own) = (self.nginx.port(), self.subject.port());
        let get = |file: &Stored| self.subject.get(file);
        let baseline_download = self.download(nginx, &nginx::get(&self.large))?;
        let download = self.download(own, &get(&self.large))?;
        let baseline_small = self.transfers.small(nginx, &nginx::get(&self.small), REQUESTS)?;
        let small = self.transfers.small(own, &get(&self.small), REQUESTS)?;
        let baseline_upload = self.write()?;
        let upload = self.upload()?;
        Ok(Round {
            baseline: Side {
                download_mb_s: baseline_download,
                upload_mb_s: baseline_upload,
                small: baseline_small,
            },
            subject: Side { download_mb_s: download, upload_mb_s: upload, small },
        })
    }

    fn download(&self, port: u16, request: &str) -> Result<f64, Failure> {
        let started = Instant::now();
        transfers::download(port, request, LARGE)?;
        Ok(megabytes_per_second(LARGE, started))
    }

    fn write(&self) -> Result<f64, Failure> {
        let path = self.folder.path().join("baseline").display().to_string();
        let words = ["server", "writing", &path, &UPLOAD.to_string()];
        let seconds: f64 = output_of(&words)?.trim().parse()?;
        Ok(UPLOAD as f64 / 1e6 / seconds)
    }

    fn upload(&self) -> Result<f64, Failure> {
        let started = Instant::now();
        let stored = self.subject.upload(&self.transfers, UPLOAD)?;
        let speed = megabytes_per_second(UPLOAD, started);
        self.subject.delete(&self.transfers, &stored)?;
        Ok(speed)
    }

    /// The most memory that a fresh process has had while all transfers were under way, and how often an upload was refused.
    fn crowd(&self) -> Result<Crowd, Failure> {
        let subject = self.subject.again(self.folder.path())?;
        let request = subject.get_range(&self.large, DOWN_AT_ONCE);
        let refused = std::thread::scope(|scope| {
            let mut running = Vec::new();
            for _ in 0..AT_ONCE / 2 {
                let down = || said(subject.download(&request, DOWN_AT_ONCE).map(|()| 0));
                running.push(scope.spawn(down));
                running.push(scope.spawn(|| said(subject.upload_alone(UP_AT_ONCE))));
            }
            let ends =
                running.into_iter().map(|one| one.join().map_err(|_| "a transfer panicked")?);
            ends.sum::<Result<usize, String>>()
        })?;
        Ok(Crowd { rss_mib: peak_mib(subject.process())?, refused })
    }
}

/// What 50 at once have come to.
struct Crowd {
    rss_mib: f64,
    refused: usize,
}

/// What goes wrong in a thread has to leave it.
fn said(outcome: Result<usize, Failure>) -> Result<usize, String> {
    outcome.map_err(|error| error.to_string())
}

fn megabytes_per_second(bytes: usize, started: Instant) -> f64 {
    bytes as f64 / 1e6 / started.elapsed().as_secs_f64()
}

/// The most resident memory that a process has had. The page cache is not in it.
fn peak_mib(process: u32) -> Result<f64, Failure> {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line.ok_or("no VmHWM")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
