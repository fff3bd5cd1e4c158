//! import-orders: takes over paid orders from a CSV file of any size. The same file twice changes nothing.
//!
//! The file is one part, read block by block; an item is what a block holds of one company, taken over under that company's
//! session. Lines that cannot be read are in quarantine from the start.

mod lines;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use shared::server::StartupError;
use shared::{CompanyId, ServiceClient, Session, UserId};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use crate::error::BatchError;
use crate::job::{Chunk, Declaration, Job, Outcome, Parameter, Planned, Rejected, Run, Work};
use crate::order_api::{Imported, OrderApi, PaidOrder};
use crate::report::{BadLine, ImportReport};
use crate::runner::{Quarantined, RunReport};
use crate::startup::Batch;
use crate::user_api::UserApi;
use lines::{Block, Line, MAX_LINE_BYTES, Position, after_heading, read_block};

/// Its name.
pub const NAME: &str = "import-orders";
/// The parameter that names the file.
pub const FILE: &str = "file";

/// Counted under these names.
pub const CREATED: &str = "created";
/// See [`CREATED`].
pub const UNCHANGED: &str = "unchanged";
/// The beginning of the names under which the days of payment are counted, in UTC.
pub const PAID_ON: &str = "paid on ";

/// The parameter that the content is known by: a file that has changed is another import.
const DIGEST: &str = "sha256";
/// Lines read at once.
const LINES: usize = 2_000;
/// Orders sent at once.
const ORDERS: usize = 500;
/// Read at once, where that is enough for a line.
const BLOCK_BYTES: usize = 512 * 1024;

pub(crate) const DECLARATION: Declaration = Declaration {
    parameters: &[Parameter { name: FILE, about: "a CSV file of paid orders", default: None }],
    skip_limit: 1_000,
    // Of two companies with the same address in their lines, the first in the file gets it.
    at_once: Some(1),
    ..Declaration::new(NAME, "take over paid orders from a CSV file")
};

/// Takes over paid orders.
#[derive(Debug)]
pub struct ImportOrders {
    orders: OrderApi,
    users: UserApi,
    account: UserId,
    /// The file that was read last, by its digest, and what it looked like then.
    seen: Mutex<Option<(String, Look)>>,
}

/// Length and time of the last change: as long as they are the same, so is the content.
type Look = (u64, Option<SystemTime>);

/// Some lines of one company, or a line that nobody can read.
#[derive(Serialize, Deserialize)]
pub struct Lines {
    company: Option<CompanyId>,
    lines: Vec<Line>,
    unreadable: Option<String>,
}

impl ImportOrders {
    /// The job.
    ///
    /// # Errors
    /// When a service is to be called over plain HTTP and its host is not in `plain_http_hosts`.
    pub fn new(batch: &Batch) -> Result<Self, StartupError> {
        Ok(Self {
            orders: batch.order_api("order:import")?,
            users: UserApi::new(batch.client("user-service", "user:import")?),
            account: batch.account(),
            seen: Mutex::default(),
        })
    }

    /// Positions are of the file that the run was begun with: in another one they are anywhere.
    async fn check_same(&self, file: &mut File, run: &Run) -> Result<(), BatchError> {
        let (path, expected) = (run.parameter(FILE), run.parameter(DIGEST));
        let look = look_of(file).await.map_err(unreadable(path))?;
        let now = Some((expected.to_owned(), look));
        if *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == now {
            return Ok(());
        }
        if digest_of(file).await.map_err(unreadable(path))? != expected {
            return Err(BatchError::Job(format!(
                "{path} has changed since its run was begun: put it back and `resume`, or `run` the new one"
            )));
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(())
    }

    async fn import(&self, session: &Session, lines: &[Line]) -> Result<Outcome, BatchError> {
        let mut emails: Vec<&str> = lines.iter().map(|line| line.email.as_str()).collect();
        emails.sort_unstable();
        emails.dedup();
        let users = self.users.import(session, &emails).await?;
        let mut outcome = Outcome::default();
        let mut known: (Vec<&Line>, Vec<PaidOrder>) = Default::default();
        for line in lines {
            match user_of(line, &users) {
                Ok(user) => {
                    known.0.push(line);
                    known.1.push(line.order_of(user));
                }
                Err(reason) => {
                    outcome = outcome.reject(&rejected(line, reason)).map_err(written)?
                }
            }
        }
        for (lines, orders) in known.0.chunks(ORDERS).zip(known.1.chunks(ORDERS)) {
            let imported = self.orders.import(session, orders).await?;
            for (line, imported) in lines.iter().zip(imported) {
                outcome = counted(outcome, line, imported)?;
            }
        }
        Ok(outcome)
    }
}

#[async_trait]
impl Job for ImportOrders {
    type Item = Lines;

    fn declaration(&self) -> Declaration {
        DECLARATION
    }

    fn clients(&self) -> Vec<&ServiceClient> {
        vec![self.orders.client(), self.users.client()]
    }

    async fn identify(&self, parameters: &mut BTreeMap<String, String>) -> Result<(), BatchError> {
        let file = parameters.get(FILE).cloned().unwrap_or_default();
        let mut opened = File::open(&file).await.map_err(unreadable(&file))?;
        heading(&mut opened, &file).await?;
        let digest = digest_of(&mut opened).await.map_err(unreadable(&file))?;
        parameters.insert(DIGEST.to_owned(), digest);
        Ok(())
    }

    async fn partitions(&self, _: &Run) -> Result<Planned, BatchError> {
        Ok(Planned::Whole)
    }

    async fn read(&self, work: &Work<'_>, after: Option<&str>) -> Result<Chunk<Lines>, BatchError> {
        let path = work.run.parameter(FILE);
        let mut file = File::open(path).await.map_err(unreadable(path))?;
        self.check_same(&mut file, work.run).await?;
        let from = match after {
            Some(after) => serde_json::from_str(after).map_err(written)?,
            None => heading(&mut file, path).await?,
        };
        let (block, is_last) = next_block(&mut file, from).await.map_err(unreadable(path))?;
        let next = if is_last { None } else { Some(serde_json::to_string(&block.next)) };
        let next = next.transpose().map_err(written)?;
        Ok(chunk_of(block, next))
    }

    async fn process(&self, _: &Work<'_>, item: &Lines, _: &str) -> Result<Outcome, BatchError> {
        match (&item.unreadable, item.company) {
            (None, Some(company)) => {
                self.import(&Session::new(company, self.account), &item.lines).await
            }
            (why, _) => Err(BatchError::Job(why.clone().unwrap_or_default())),
        }
    }
}

/// What a run has done, as the main job tells it.
#[must_use]
pub fn report(run: &RunReport, quarantined: Vec<Quarantined>) -> ImportReport {
    let line_of = |name: &str| name.strip_prefix("line ").and_then(|line| line.parse().ok());
    let bad_line = |entry: Quarantined| {
        let line = line_of(&entry.name).unwrap_or_default();
        BadLine { line, reason: entry.reason }
    };
    let mut bad_lines: Vec<_> = quarantined.into_iter().map(bad_line).collect();
    bad_lines.sort();
    let days = run.counts.keys().filter_map(|name| name.strip_prefix(PAID_ON));
    ImportReport {
        created: run.count(CREATED),
        unchanged: run.count(UNCHANGED),
        bad_lines,
        paid_on: days.filter_map(|day| day.parse().ok()).collect(),
    }
}

/// Where the lines begin.
async fn heading(file: &mut File, path: &str) -> Result<Position, BatchError> {
    let begin = read_up_to(file, 0, MAX_LINE_BYTES).await.map_err(unreadable(path))?;
    after_heading(&begin).map_err(|cause| BatchError::NotOrders { path: path.to_owned(), cause })
}

/// The next lines, and whether they are the last.
async fn next_block(file: &mut File, from: Position) -> std::io::Result<(Block, bool)> {
    let length = file.metadata().await?.len();
    for size in [BLOCK_BYTES, MAX_LINE_BYTES.max(BLOCK_BYTES * 2)] {
        let bytes = read_up_to(file, from.byte, size).await?;
        let is_last = from.byte + bytes.len() as u64 >= length;
        let block = read_block(&bytes, from, (LINES, is_last));
        if block.next != from || is_last {
            let ends = is_last && block.next.byte >= length;
            return Ok((block, ends));
        }
    }
    Err(std::io::Error::other("a line does not end"))
}

async fn read_up_to(file: &mut File, from: u64, size: usize) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from)).await?;
    let mut bytes = Vec::new();
    file.take(size as u64).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn chunk_of(block: Block, next: Option<String>) -> Chunk<Lines> {
    // In the order in which they come.
    let mut by_company: Vec<(CompanyId, Vec<Line>)> = Vec::new();
    for line in block.good {
        match by_company.iter_mut().find(|(company, _)| *company == line.company) {
            Some((_, lines)) => lines.push(line),
            None => by_company.push((line.company, vec![line])),
        }
    }
    let name = |company: CompanyId, lines: &[Line]| {
        let first = lines.first().map_or(0, |line| line.number);
        format!("company {company} from line {first}")
    };
    let items = by_company.into_iter().map(|(company, lines)| {
        (name(company, &lines), Lines { company: Some(company), lines, unreadable: None })
    });
    let rejected = block.bad.into_iter().map(|bad| Rejected {
        name: format!("line {}", bad.number),
        item: Lines { company: None, lines: Vec::new(), unreadable: Some(bad.reason.clone()) },
        reason: bad.reason,
    });
    Chunk { items: items.collect(), rejected: rejected.collect(), next }
}

fn user_of(line: &Line, users: &HashMap<String, Result<UserId, String>>) -> Result<UserId, String> {
    match users.get(&line.email) {
        Some(Ok(user)) => Ok(*user),
        Some(Err(why)) => Err(format!("user_email: {why}")),
        None => Err("user_email: no such user".to_owned()),
    }
}

fn counted(outcome: Outcome, line: &Line, imported: Imported) -> Result<Outcome, BatchError> {
    match imported.error {
        Some(reason) => outcome.reject(&rejected(line, reason)).map_err(written),
        None => Ok(outcome
            .and(if imported.created { CREATED } else { UNCHANGED }, 1)
            .and(format!("{PAID_ON}{}", line.paid_at.date_naive()), 1)),
    }
}

/// A line that a service refuses can be taken over by itself, when what it lacks is there.
fn rejected(line: &Line, reason: String) -> Rejected<Lines> {
    let lines = vec![line.clone()];
    let item = Lines { company: Some(line.company), lines, unreadable: None };
    Rejected { name: format!("line {}", line.number), item, reason }
}

async fn look_of(file: &File) -> std::io::Result<Look> {
    let metadata = file.metadata().await?;
    Ok((metadata.len(), metadata.modified().ok()))
}

async fn digest_of(file: &mut File) -> std::io::Result<String> {
    file.rewind().await?;
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut buffer = vec![0; BLOCK_BYTES];
    loop {
        match file.read(&mut buffer).await? {
            0 => break,
            some => digest.update(buffer.get(..some).unwrap_or_default()),
        }
    }
    let hex = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(hex)
}

fn unreadable(path: &str) -> impl Fn(std::io::Error) -> BatchError {
    move |cause| BatchError::File { path: path.to_owned(), cause }
}

fn written(error: serde_json::Error) -> BatchError {
    BatchError::Job(error.to_string())
}
