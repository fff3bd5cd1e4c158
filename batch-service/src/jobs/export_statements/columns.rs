//! [`Columns`]: lines, turned on their side.

use std::io::Write;

use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedRowGroupWriter;

use super::line::Line;

#[derive(Default)]
pub(super) struct Columns {
    order_id: Vec<ByteArray>,
    order_no: Vec<ByteArray>,
    user_id: Vec<i64>,
    status: Vec<ByteArray>,
    product: Vec<ByteArray>,
    quantity: Vec<i32>,
    unit_price_minor: Vec<i64>,
    amount_minor: Vec<i64>,
    currency: Vec<ByteArray>,
    paid_at: Optional<i64>,
    settlement_id: Optional<ByteArray>,
}

/// What may be missing: the values that are there, and for each line whether there is one.
struct Optional<T> {
    values: Vec<T>,
    levels: Vec<i16>,
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self { values: Vec::new(), levels: Vec::new() }
    }
}

impl<T> Optional<T> {
    fn push(&mut self, value: Option<T>) {
        self.levels.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.order_id.len()
    }

    pub(super) fn push(&mut self, line: &Line<'_>) {
        self.order_id.push(line.order_id.into());
        self.order_no.push(line.order_no.into());
        self.user_id.push(line.user_id);
        self.status.push(line.status.into());
        self.product.push(line.product.into());
        self.quantity.push(line.quantity);
        self.unit_price_minor.push(line.unit_price_minor);
        self.amount_minor.push(line.amount_minor);
        self.currency.push(line.currency.into());
        self.paid_at.push(line.paid_at.map(|at| at.timestamp_micros()));
        self.settlement_id.push(line.settlement_id.map(ByteArray::from));
    }

    /// In the order of the schema.
    pub(super) fn write<W: Write + Send>(
        &self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        let paid_at = &self.paid_at;
        let settlement_id = &self.settlement_id;
        write::<ByteArrayType, W>(group, &self.order_id, None)?;
        write::<ByteArrayType, W>(group, &self.order_no, None)?;
        write::<Int64Type, W>(group, &self.user_id, None)?;
        write::<ByteArrayType, W>(group, &self.status, None)?;
        write::<ByteArrayType, W>(group, &self.product, None)?;
        write::<Int32Type, W>(group, &self.quantity, None)?;
        write::<Int64Type, W>(group, &self.unit_price_minor, None)?;
        write::<Int64Type, W>(group, &self.amount_minor, None)?;
        write::<ByteArrayType, W>(group, &self.currency, None)?;
        write::<Int64Type, W>(group, &paid_at.values, Some(&paid_at.levels))?;
        write::<ByteArrayType, W>(group, &settlement_id.values, Some(&settlement_id.levels))
    }
}

fn write<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("more columns than the schema has".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}
