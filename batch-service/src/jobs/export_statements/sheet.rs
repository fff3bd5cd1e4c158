//! [`Sheet`]: a file in the making, of which what is ready can be taken away.

use super::Format;
use super::csv_sheet::CsvSheet;
use super::line::lines;
use super::parquet_sheet::ParquetSheet;
use crate::error::BatchError;
use crate::order_api::Order;

pub(in crate::jobs) enum Sheet {
    Csv(CsvSheet),
    Parquet(ParquetSheet),
}

impl Sheet {
    pub(in crate::jobs) fn new(format: Format) -> Result<Self, BatchError> {
        Ok(match format {
            Format::Csv => Self::Csv(CsvSheet::new().map_err(failed)?),
            Format::Parquet => Self::Parquet(ParquetSheet::new().map_err(failed)?),
        })
    }

    /// A line for each item of the order.
    pub(super) fn add(&mut self, order: &Order) -> Result<(), BatchError> {
        lines(order).try_for_each(|line| match self {
            Self::Csv(sheet) => sheet.add(&line).map_err(failed),
            Self::Parquet(sheet) => sheet.add(&line).map_err(failed),
        })
    }

    /// The bytes that are ready.
    pub(super) fn take(&mut self) -> Result<Vec<u8>, BatchError> {
        match self {
            Self::Csv(sheet) => sheet.take().map_err(failed),
            Self::Parquet(sheet) => sheet.take().map_err(failed),
        }
    }

    /// The last bytes.
    pub(super) fn finish(self) -> Result<Vec<u8>, BatchError> {
        match self {
            Self::Csv(mut sheet) => sheet.take().map_err(failed),
            Self::Parquet(sheet) => sheet.finish().map_err(failed),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> BatchError {
    BatchError::Statement(error.to_string())
}

#[cfg(test)]
mod tests;
