//! What a job's author answers with.

use std::borrow::Cow;
use std::collections::BTreeMap;

use shared::CompanyId;

/// The parts of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// One for each of these.
    Companies(Vec<CompanyId>),
    /// One for all.
    Whole,
}

/// Some items, and where the next ones begin.
#[derive(Clone, Debug)]
pub struct Chunk<Item> {
    /// A name for each, unique within the company's part and the same whenever it is read again, and the item.
    pub items: Vec<(String, Item)>,
    /// What was read and cannot be worked on: it goes to quarantine.
    pub rejected: Vec<Rejected<Item>>,
    /// Where to go on; None: this is the last.
    pub next: Option<String>,
}

impl<Item> Chunk<Item> {
    /// Items and where to go on.
    #[must_use]
    pub fn new(items: Vec<(String, Item)>, next: Option<String>) -> Self {
        Self { items, rejected: Vec::new(), next }
    }
}

impl Chunk<String> {
    /// Items that are their own names, and where to go on.
    #[must_use]
    pub fn of_ids(ids: impl IntoIterator<Item = String>, next: Option<String>) -> Self {
        Self::new(ids.into_iter().map(|id| (id.clone(), id)).collect(), next)
    }
}

/// An item that cannot be worked on as it is.
#[derive(Clone, Debug)]
pub struct Rejected<Item> {
    /// Its name.
    pub name: String,
    /// What can be tried again, perhaps when something else has been put right.
    pub item: Item,
    /// What is wrong.
    pub reason: String,
}

/// What became of an item: under which names it is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub(crate) counts: Vec<(Cow<'static, str>, u64)>,
    /// Name, the item as JSON, reason.
    pub(crate) rejected: Vec<(String, String, String)>,
}

/// Adds what was counted to a sum.
pub(crate) fn add_counts<Name: Into<String>>(
    sum: &mut BTreeMap<String, u64>,
    counts: impl IntoIterator<Item = (Name, u64)>,
) {
    for (name, count) in counts {
        *sum.entry(name.into()).or_default() += count;
    }
}

impl Outcome {
    /// Counted once under this name, for example `settled`.
    #[must_use]
    pub fn one(name: &'static str) -> Self {
        Self { counts: vec![(Cow::Borrowed(name), 1)], rejected: Vec::new() }
    }

    /// Counted so often under this name as well. There are a few such names, not one for each item.
    #[must_use]
    pub fn and(mut self, name: impl Into<Cow<'static, str>>, count: u64) -> Self {
        self.counts.push((name.into(), count));
        self
    }

    /// A part of the item that was refused goes to quarantine, as an item of its own.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn reject<Item: serde::Serialize>(
        mut self,
        rejected: &Rejected<Item>,
    ) -> Result<Self, serde_json::Error> {
        let item = serde_json::to_string(&rejected.item)?;
        self.rejected.push((rejected.name.clone(), item, rejected.reason.clone()));
        Ok(self)
    }
}
