//! The jobs: a file for each.

pub mod import_orders;
pub mod settle_orders;

/// What `list` says of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobDescription {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// All jobs.
pub const JOBS: [JobDescription; 2] = [
    JobDescription {
        name: import_orders::NAME,
        about: "take over paid orders from a CSV file: --file orders.csv",
    },
    JobDescription {
        name: settle_orders::NAME,
        about: "settle the orders paid on a day, company by company: --date 2026-07-17",
    },
];
