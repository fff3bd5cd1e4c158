//! What a job has done, in numbers and as text.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use serde::Serialize;
use shared::CompanyId;
use shared::client::CallObserver;

use crate::money::Sums;
use crate::runner::{Ended, RunReport};

/// What an import has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Orders that are new.
    pub created: u64,
    /// Orders that were there already.
    pub unchanged: u64,
    /// Lines that were not taken over.
    pub bad_lines: Vec<BadLine>,
    /// The days on which the orders of the file were paid, in UTC.
    pub paid_on: std::collections::BTreeSet<NaiveDate>,
}

/// A line that was not taken over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct BadLine {
    /// Its number in the file; the heading is line 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Bad lines that are shown; the rest is counted.
const SHOWN_BAD_LINES: usize = 20;

impl fmt::Display for ImportReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created, unchanged, bad_lines, .. } = self;
        let bad = bad_lines.len();
        writeln!(formatter, "imported {created} orders, {unchanged} unchanged, {bad} bad lines")?;
        for BadLine { line, reason } in bad_lines.iter().take(SHOWN_BAD_LINES) {
            writeln!(formatter, "  line {line}: {reason}")?;
        }
        if bad > SHOWN_BAD_LINES {
            writeln!(formatter, "  and {} more", bad - SHOWN_BAD_LINES)?;
        }
        Ok(())
    }
}

/// What a settlement has done for one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementReport {
    /// The day on which the orders were paid, in UTC.
    pub date: NaiveDate,
    /// The run.
    pub run: RunReport,
    /// Company by company.
    pub companies: Vec<CompanyReport>,
}

/// What a settlement has done for one company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompanyReport {
    /// The company.
    pub company: CompanyId,
    /// Orders that this run has settled.
    pub settled: u64,
    /// Orders on the company's statements of the day.
    pub orders: i64,
    /// Their sum.
    pub sums: Sums,
    /// The files of the statements at file-service.
    pub statements: Vec<String>,
    /// Why it has failed.
    pub left: Option<String>,
}

impl SettlementReport {
    /// Whether nothing is left, not even in quarantine.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let ended = matches!(self.run.ended, Ended::Complete | Ended::AlreadyComplete);
        ended && self.run.quarantined == 0
    }

    /// Orders that this pass of the run has settled.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.companies.iter().map(|company| company.settled).sum()
    }
}

impl fmt::Display for SettlementReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "settle-orders {}: settled {} orders", self.date, self.settled())?;
        let heading = ("company", "settled", "orders", "sum", "statement");
        let (company, settled, orders, sum, statement) = heading;
        writeln!(formatter, "{company:>9} {settled:>8} {orders:>7}  {sum:<32} {statement}")?;
        for one in &self.companies {
            let sums = one.sums.to_string();
            let statements = one.statements.join(" ");
            let CompanyReport { company, settled, orders, left, .. } = one;
            let company = company.get();
            writeln!(formatter, "{company:>9} {settled:>8} {orders:>7}  {sums:<32} {statements}")?;
            if let Some(reason) = left {
                writeln!(formatter, "          needs a person: {reason}")?;
            }
        }
        Ok(())
    }
}

/// The calls of a run. Its clock is the client's.
#[derive(Debug, Default)]
pub struct CallStatistics {
    /// Microseconds of each call: 4 bytes a call, so a million calls are 4 MB.
    took_us: Mutex<Vec<u32>>,
}

/// Numbers about the calls of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallSummary {
    /// Calls made to services, those for tokens not counted.
    pub calls: usize,
    /// Tokens fetched.
    pub tokens: u64,
    /// Half of the calls took no longer, in microseconds.
    pub p50_us: u32,
    /// 99 % of the calls took no longer, in microseconds.
    pub p99_us: u32,
}

impl CallObserver for CallStatistics {
    fn called(&self, took: Duration) {
        let us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.took_us.lock().unwrap_or_else(PoisonError::into_inner).push(us);
    }
}

impl CallStatistics {
    /// The numbers so far.
    #[must_use]
    pub fn summary(&self, tokens: u64) -> CallSummary {
        let mut took = self.took_us.lock().unwrap_or_else(PoisonError::into_inner).clone();
        took.sort_unstable();
        CallSummary {
            calls: took.len(),
            tokens,
            p50_us: percentile(&took, 50),
            p99_us: percentile(&took, 99),
        }
    }
}

/// The smallest value that is not exceeded by `percent` of the sorted values.
fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

impl fmt::Display for CallSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, tokens, p50_us, p99_us } = self;
        let (p50, p99) = (f64::from(*p50_us) / 1000.0, f64::from(*p99_us) / 1000.0);
        write!(
            formatter,
            "{calls} calls, {tokens} tokens fetched, p50 {p50:.1} ms, p99 {p99:.1} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 99)), (100, 198));
        assert_eq!((percentile(&[7], 99), percentile(&[], 50)), (7, 0));
    }
}
