//! Lines as Parquet: a row group is held in memory, and goes out when it is full.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::columns::Columns;
use super::line::Line;

/// Some hundred kilobytes. So much is read between two pieces that file-service gets, and it does not wait for ever.
pub(super) const GROUP_LINES: usize = 4_096;

/// Money is in the smallest unit of its currency; moments are in UTC.
const SCHEMA: &str = "message orders {
    required binary order_id (STRING);
    required binary order_no (STRING);
    required int64 user_id;
    required binary status (STRING);
    required binary product (STRING);
    required int32 quantity;
    required int64 unit_price_minor;
    required int64 amount_minor;
    required binary currency (STRING);
    optional int64 paid_at (TIMESTAMP(MICROS,true));
    optional binary settlement_id (STRING);
}";

pub(in crate::jobs) struct ParquetSheet {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Columns,
}

impl ParquetSheet {
    pub(super) fn new() -> Result<Self, ParquetError> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            // What is kept until the end of the file grows with its row groups: as little as possible of each.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
        Ok(Self { writer, columns: Columns::default() })
    }

    pub(super) fn add(&mut self, line: &Line<'_>) -> Result<(), ParquetError> {
        self.columns.push(line);
        if self.columns.len() >= GROUP_LINES { self.write_group() } else { Ok(()) }
    }

    pub(super) fn take(&mut self) -> Result<Vec<u8>, ParquetError> {
        self.writer.flush()?;
        // Positions in the file are counted beside it.
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, ParquetError> {
        if self.columns.len() > 0 {
            self.write_group()?;
        }
        self.writer.finish()?;
        self.take()
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let columns = std::mem::take(&mut self.columns);
        let mut group = self.writer.next_row_group()?;
        columns.write(&mut group)?;
        group.close()?;
        Ok(())
    }
}
