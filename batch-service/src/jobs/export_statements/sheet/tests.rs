//! Both formats, read again by readers that are not ours.

use bytes::Bytes;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};

use super::super::parquet_sheet::GROUP_LINES;
use super::*;
use crate::order_api::Item;

type Checked<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn order(number: usize) -> Checked<Order> {
    let item = |product: &str, quantity| Item {
        product: product.to_owned(),
        quantity,
        unit_price_minor: 1 + number as i64,
    };
    Ok(Order {
        id: format!("id-{number}"),
        user_id: 2.try_into()?,
        order_no: format!("N-{number}"),
        status: "SETTLED".to_owned(),
        items: vec![item("펜, \"red\"", 2), item("=HYPERLINK(1)", 1)],
        total_minor: 3 * (1 + number as i64),
        currency: "KRW".to_owned(),
        paid_at: Some("2026-07-17T09:30:00.123456Z".parse()?),
        settlement_id: (number.is_multiple_of(2)).then(|| "s-1".to_owned()),
    })
}

/// The pieces as they go out, page by page.
fn pieces(format: Format, orders: usize) -> Checked<Vec<Vec<u8>>> {
    let mut sheet = Sheet::new(format)?;
    let mut pieces = Vec::new();
    for number in 0..orders {
        sheet.add(&order(number)?)?;
        if number % 200 == 199 {
            pieces.push(sheet.take()?);
        }
    }
    pieces.push(sheet.finish()?);
    Ok(pieces)
}

#[test]
fn a_csv_file_has_a_heading_and_a_line_for_each_item_without_formulas() -> Checked {
    for orders in [0, 1, 200, 401] {
        let text = pieces(Format::Csv, orders)?.concat();
        let mut reader = csv::Reader::from_reader(text.as_slice());
        assert_eq!(reader.headers()?.get(7), Some("amount_minor"));
        let lines: Vec<_> = reader.records().collect::<Result<_, _>>()?;
        assert_eq!(lines.len(), 2 * orders);
        for (number, pair) in lines.chunks(2).enumerate() {
            let settled = if number.is_multiple_of(2) { "s-1" } else { "" };
            let (price, twice) = ((1 + number).to_string(), (2 + 2 * number).to_string());
            let paid = "2026-07-17T09:30:00.123456+00:00";
            let (id, no) = (format!("id-{number}"), format!("N-{number}"));
            let head = [id.as_str(), &no, "2", "SETTLED"];
            let first = ["펜, \"red\"", "2", &price, &twice, "KRW", paid, settled];
            let second = ["'=HYPERLINK(1)", "1", &price, &price, "KRW", paid, settled];
            assert_eq!(pair[0], [head.as_slice(), &first].concat());
            assert_eq!(pair[1], [head.as_slice(), &second].concat());
        }
    }
    Ok(())
}

#[test]
fn a_parquet_file_says_the_same_with_types() -> Checked {
    for orders in [0, 1, 5_000] {
        let bytes = Bytes::from(pieces(Format::Parquet, orders)?.concat());
        let reader = SerializedFileReader::new(bytes)?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let utc = LogicalType::timestamp(true, TimeUnit::MICROS);
        assert_eq!(schema.column(9).logical_type_ref(), Some(&utc));
        assert_eq!(reader.metadata().num_row_groups(), (2 * orders).div_ceil(GROUP_LINES));
        let mut count = 0;
        for (line, row) in reader.get_row_iter(None)?.enumerate() {
            let (row, number) = (row?, line / 2);
            assert_eq!(row.get_string(0)?, &format!("id-{number}"));
            let product = if line.is_multiple_of(2) { "펜, \"red\"" } else { "=HYPERLINK(1)" };
            assert_eq!((row.get_string(4)?.as_str(), row.get_long(2)?), (product, 2));
            let quantity = row.get_int(5)?;
            let price = 1 + number as i64;
            assert_eq!((row.get_long(6)?, row.get_long(7)?), (price, price * i64::from(quantity)));
            assert_eq!(row.get_timestamp_micros(9)?, 1_784_280_600_123_456);
            let settlement = row.get_column_iter().nth(10).map(|(_, field)| field.clone());
            let settled = Field::Str("s-1".to_owned());
            assert_eq!(
                settlement,
                Some(if number.is_multiple_of(2) { settled } else { Field::Null })
            );
            count += 1;
        }
        assert_eq!(count, 2 * orders);
    }
    Ok(())
}

/// However many there are.
#[test]
fn no_piece_grows_with_the_number_of_orders() -> Checked {
    for format in [Format::Csv, Format::Parquet] {
        let largest = |orders| {
            Ok::<_, Box<dyn std::error::Error>>(
                pieces(format, orders)?.iter().map(Vec::len).max().unwrap_or_default(),
            )
        };
        let (few, many) = (largest(10_000)?, largest(60_000)?);
        assert!(many < few * 2, "{format:?}: {few} and {many} bytes");
    }
    Ok(())
}
