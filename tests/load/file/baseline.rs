//! What an upload is held against: the same bytes, hashed and written to the same disk by a process that does nothing else.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use aws_lc_rs::digest::{Context, SHA256};
use clap::Args;

use super::MIB;
use crate::harness::Failure;

/// What the process is told.
#[derive(Args)]
pub struct Writing {
    /// Where to.
    path: PathBuf,
    /// How many bytes.
    bytes: usize,
}

impl Writing {
    /// Writes, removes what it has written, and prints how many seconds it took to be on the disk.
    pub fn print_seconds(&self) -> Result<(), Failure> {
        let piece = piece();
        let (mut file, mut digest) = (File::create(&self.path)?, Context::new(&SHA256));
        let started = Instant::now();
        for _ in 0..self.bytes / MIB {
            digest.update(&piece);
            file.write_all(&piece)?;
        }
        file.sync_all()?;
        let digest = digest.finish();
        println!("{}", started.elapsed().as_secs_f64());
        std::fs::remove_file(&self.path)?;
        // Otherwise nobody would have asked for it.
        if digest.as_ref().is_empty() { Err("no digest".into()) } else { Ok(()) }
    }
}

/// A MiB that compresses badly.
pub fn piece() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut piece = vec![0; MIB];
    random.fill(&mut piece);
    piece
}
