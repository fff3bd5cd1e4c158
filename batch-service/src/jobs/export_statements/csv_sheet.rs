//! Lines as CSV.

use super::line::{HEADING, Line};
use crate::jobs::spreadsheet::plain;

pub(in crate::jobs) struct CsvSheet {
    ready: csv::Writer<Vec<u8>>,
}

impl CsvSheet {
    pub(super) fn new() -> Result<Self, csv::Error> {
        let mut ready = csv::Writer::from_writer(Vec::new());
        ready.write_record(HEADING)?;
        Ok(Self { ready })
    }

    pub(super) fn add(&mut self, line: &Line<'_>) -> Result<(), csv::Error> {
        let paid_at = line.paid_at.map(|at| at.to_rfc3339()).unwrap_or_default();
        self.ready.write_record([
            line.order_id,
            &plain(line.order_no),
            &line.user_id.to_string(),
            line.status,
            &plain(line.product),
            &line.quantity.to_string(),
            &line.unit_price_minor.to_string(),
            &line.amount_minor.to_string(),
            line.currency,
            &paid_at,
            line.settlement_id.unwrap_or_default(),
        ])
    }

    pub(super) fn take(&mut self) -> Result<Vec<u8>, csv::Error> {
        let ready = std::mem::replace(&mut self.ready, csv::Writer::from_writer(Vec::new()));
        ready.into_inner().map_err(|error| error.into_error().into())
    }
}
