//! The lines of a file of orders, a block of the file at a time.

use csv::StringRecord;
use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use shared::{CompanyId, Timestamp, UserId};

use crate::money::parse_minor;
use crate::order_api::PaidOrder;

/// The longest text that the services take.
const MAX_TEXT_CHARS: usize = 200;
/// The longest line.
pub(super) const MAX_LINE_BYTES: usize = 256 * 1024;

const COLUMNS: [&str; 8] = [
    "company_id",
    "user_email",
    "order_no",
    "product",
    "quantity",
    "unit_price",
    "currency",
    "paid_at",
];

/// A good line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) company: CompanyId,
    pub(super) email: String,
    pub(super) order_no: String,
    pub(super) product: String,
    pub(super) quantity: i32,
    pub(super) unit_price_minor: i64,
    pub(super) currency: String,
    pub(super) paid_at: Timestamp,
}

/// A line that is not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) number: u64,
    pub(super) reason: String,
}

impl Line {
    pub(super) fn order_of(&self, user_id: UserId) -> PaidOrder {
        PaidOrder {
            order_no: self.order_no.clone(),
            user_id,
            product: self.product.clone(),
            quantity: self.quantity,
            unit_price_minor: self.unit_price_minor,
            currency: self.currency.clone(),
            paid_at: self.paid_at,
        }
    }
}

/// Where a block begins: its byte, and the number of the line there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) byte: u64,
    pub(super) line: u64,
}

/// What is in a block, and where the next one begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) good: Vec<Line>,
    pub(super) bad: Vec<BadLine>,
    pub(super) next: Position,
}

/// Checks the first line of a file; after it the lines begin.
pub(super) fn after_heading(begin: &[u8]) -> Result<Position, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(begin);
    let heading = reader.headers().map_err(|error| error.to_string())?;
    if heading.iter().map(str::trim).ne(COLUMNS) {
        return Err(format!("its first line has to be {}", COLUMNS.join(",")));
    }
    // Lines may end with a CR alone. A LF after it is an empty line to the reader of the lines.
    let end = begin.iter().position(|byte| b"\r\n".contains(byte));
    let end = end.map_or(begin.len(), |at| at + usize::from(begin.get(at) == Some(&b'\n')));
    let line = if begin.get(end.wrapping_sub(1)) == Some(&b'\n') { 2 } else { 1 };
    Ok(Position { byte: end as u64, line })
}

/// Reads the lines of a block that are whole, at most so many; in the last block of a file the last line is whole, too.
pub(super) fn read_block(block: &[u8], from: Position, (most, is_last): (usize, bool)) -> Block {
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(block);
    let mut numbers = LineNumbers { block, at_byte: 0, line: from.line };
    let (mut good, mut bad, mut end) = (Vec::new(), Vec::new(), 0);
    let mut record = csv::ByteRecord::new();
    while good.len() + bad.len() < most {
        let more = reader.read_byte_record(&mut record).unwrap_or(false);
        let after = usize::try_from(reader.position().byte()).unwrap_or(block.len());
        if !more {
            end = if is_last { block.len() } else { end };
            break;
        }
        if after >= block.len() && !is_last {
            break;
        }
        let number = numbers.number_at(record.position());
        match read_record(&record, number) {
            Ok(line) => good.push(line),
            Err(line) => bad.push(line),
        }
        end = after;
    }
    if end == 0 && !is_last && block.len() >= MAX_LINE_BYTES {
        end = too_long(block, from.line, &mut bad);
    }
    let line = from.line + newlines(block.get(..end).unwrap_or_default());
    Block { good, bad, next: Position { byte: from.byte + end as u64, line } }
}

/// What looks like a line and does not end is given up to the end of its first line.
fn too_long(block: &[u8], number: u64, bad: &mut Vec<BadLine>) -> usize {
    let end = block.iter().position(|byte| *byte == b'\n').map_or(block.len(), |at| at + 1);
    let reason = format!(
        "longer than {MAX_LINE_BYTES} bytes: is there a quotation mark that is not closed?"
    );
    bad.push(BadLine { number, reason });
    end
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// Counts lines as an editor does; the reader itself does not count the empty ones that it skips.
struct LineNumbers<'b> {
    block: &'b [u8],
    at_byte: usize,
    line: u64,
}

impl LineNumbers<'_> {
    /// Positions come in the order of the file.
    fn number_at(&mut self, position: Option<&csv::Position>) -> u64 {
        let byte = position.map_or(0, csv::Position::byte);
        let mut begin = usize::try_from(byte).unwrap_or(usize::MAX).min(self.block.len());
        while matches!(self.block.get(begin), Some(b'\n' | b'\r')) {
            begin += 1;
        }
        self.line += newlines(self.block.get(self.at_byte..begin).unwrap_or_default());
        self.at_byte = begin;
        self.line
    }
}

fn read_record(record: &csv::ByteRecord, number: u64) -> Result<Line, BadLine> {
    match StringRecord::from_byte_record(record.clone()) {
        Ok(record) => parse(&record, number),
        Err(_) => Err(BadLine { number, reason: "not UTF-8".to_owned() }),
    }
}

fn parse(record: &StringRecord, number: u64) -> Result<Line, BadLine> {
    let bad = |reason: String| BadLine { number, reason };
    if record.len() != COLUMNS.len() {
        let open = record.iter().any(|field| field.contains('\n'));
        let hint = if open { ": is there a quotation mark that is not closed?" } else { "" };
        return Err(bad(format!("{} columns instead of {}{hint}", record.len(), COLUMNS.len())));
    }
    let field = |name: &str| {
        let place = COLUMNS.iter().position(|column| *column == name);
        place.and_then(|place| record.get(place)).unwrap_or_default().trim()
    };
    let wrong = |name: &str, asked: &str| bad(format!("{name}: {asked}, not `{}`", field(name)));
    let text = |name: &str| match field(name) {
        "" => Err(bad(format!("{name} is empty"))),
        text if text.chars().count() > MAX_TEXT_CHARS => {
            Err(bad(format!("{name} has more than {MAX_TEXT_CHARS} characters")))
        }
        text => Ok(text.to_owned()),
    };
    let currency = Currency::from_code(field("currency"))
        .ok_or_else(|| wrong("currency", "an ISO 4217 code"))?;
    let quantity: i32 = field("quantity").parse().unwrap_or_default();
    if quantity < 1 {
        return Err(wrong("quantity", "a whole number, 1 or more"));
    }
    Ok(Line {
        number,
        company: field("company_id")
            .parse()
            .map_err(|_| wrong("company_id", "a whole number, 1 or more"))?,
        email: text("user_email")?,
        order_no: text("order_no")?,
        product: text("product")?,
        quantity,
        unit_price_minor: parse_minor(field("unit_price"), currency)
            .ok_or_else(|| wrong("unit_price", "an amount in this currency"))?,
        currency: currency.code().to_owned(),
        paid_at: field("paid_at")
            .parse()
            .map_err(|_| wrong("paid_at", "a moment such as 2026-07-17T09:30:00Z"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str =
        "company_id,user_email,order_no,product,quantity,unit_price,currency,paid_at\n";

    /// Block by block, of a size that cuts lines in two.
    fn read(csv: &[u8]) -> Result<(Vec<Line>, Vec<BadLine>), String> {
        let whole = read_in_blocks(csv, csv.len())?;
        for size in [150, 211, 1000] {
            assert_eq!(read_in_blocks(csv, size)?, whole, "{size}");
        }
        Ok(whole)
    }

    fn read_in_blocks(csv: &[u8], size: usize) -> Result<(Vec<Line>, Vec<BadLine>), String> {
        let (mut at, mut good, mut bad) = (after_heading(csv)?, Vec::new(), Vec::new());
        let mut size_now = size;
        loop {
            let begin = usize::try_from(at.byte).unwrap_or(csv.len());
            let end = (begin + size_now).min(csv.len());
            let block = read_block(&csv[begin..end], at, (3, end == csv.len()));
            // A line that is longer than a block needs a larger one.
            size_now = if block.next == at { size_now * 2 } else { size };
            good.extend(block.good);
            bad.extend(block.bad);
            at = block.next;
            if at.byte == csv.len() as u64 {
                return Ok((good, bad));
            }
        }
    }

    #[test]
    fn a_bad_line_is_named_and_does_not_stop_the_rest() -> Result<(), String> {
        let bad = [
            ("x,a@b.example,1,pen,1,1,KRW,2026-07-17T00:00:00Z", "company_id"),
            ("1,,1,pen,1,1,KRW,2026-07-17T00:00:00Z", "user_email"),
            ("1,a@b.example,,pen,1,1,KRW,2026-07-17T00:00:00Z", "order_no"),
            ("1,a@b.example,1,pen,0,1,KRW,2026-07-17T00:00:00Z", "quantity"),
            ("1,a@b.example,1,pen,1.5,1,KRW,2026-07-17T00:00:00Z", "quantity"),
            ("1,a@b.example,1,pen,1,1.5,KRW,2026-07-17T00:00:00Z", "unit_price"),
            ("1,a@b.example,1,pen,1,-1,KRW,2026-07-17T00:00:00Z", "unit_price"),
            ("1,a@b.example,1,pen,1,1,WON,2026-07-17T00:00:00Z", "currency"),
            ("1,a@b.example,1,pen,1,1,KRW,yesterday", "paid_at"),
            ("1,a@b.example,1,pen", "4 columns"),
        ];
        let mut csv = HEADING.to_owned();
        for (line, _) in bad {
            csv.push_str(line);
            csv.push('\n');
        }
        csv.push_str("7,a@b.example,1,\"pen, \"\"red\"\"\",2,1.50,USD,2026-07-17T23:59:59Z\n");
        let (good, found) = read(csv.as_bytes())?;
        for (bad_line, ((_, named), number)) in found.iter().zip(bad.iter().zip(2..)) {
            assert_eq!(bad_line.number, number);
            assert!(bad_line.reason.contains(named), "{bad_line:?}");
        }
        assert_eq!(found.len(), bad.len());
        assert_eq!(good.len(), 1);
        assert_eq!((good[0].product.as_str(), good[0].unit_price_minor), ("pen, \"red\"", 150));
        Ok(())
    }

    #[test]
    fn a_line_that_is_not_utf8_is_bad_and_the_next_is_good() -> Result<(), String> {
        let mut csv = HEADING.as_bytes().to_vec();
        csv.extend_from_slice(b"1,\xff@b.example,1,pen,1,1,KRW,2026-07-17T00:00:00Z\n");
        csv.extend_from_slice(b"1,a@b.example,1,pen,1,1,KRW,2026-07-17T00:00:00Z\n");
        let (good, bad) = read(&csv)?;
        assert_eq!((good.len(), bad.len()), (1, 1));
        assert_eq!((bad[0].number, bad[0].reason.as_str()), (2, "not UTF-8"));
        Ok(())
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() -> Result<(), String> {
        let good = "1,a@b.example,1,\"two\nlines\",1,1,KRW,2026-07-17T00:00:00Z";
        let csv = format!("{HEADING}\r\n\n{good}\n\nbad\n{good}\n\"open,\na,b\nc\n");
        let (lines, bad) = read(csv.as_bytes())?;
        let numbers: Vec<u64> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [4, 8]);
        let numbers: Vec<u64> = bad.iter().map(|bad| bad.number).collect();
        assert_eq!(numbers, [7, 10]);
        assert!(bad[1].reason.contains("quotation mark"), "{bad:?}");
        Ok(())
    }

    #[test]
    fn lines_end_in_any_of_the_three_ways_and_the_last_need_not() -> Result<(), String> {
        let line = "1,a@b.example,1,pen,1,1,KRW,2026-07-17T00:00:00Z";
        for end in ["\n", "\r\n", "\r"] {
            for last in ["", end] {
                let csv = [HEADING.trim_end(), line, line, line, "bad"].join(end) + last;
                let (good, bad) = read(csv.as_bytes())?;
                assert_eq!((good.len(), bad.len()), (3, 1), "{end:?} {last:?}");
                if end != "\r" {
                    assert_eq!((good[0].number, bad[0].number), (2, 5), "{end:?}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn a_text_that_no_service_takes_is_a_bad_line() -> Result<(), String> {
        let long = "가".repeat(201);
        let csv = format!("{HEADING}1,a@b.example,1,{long},1,1,KRW,2026-07-17T00:00:00Z\n");
        let (good, bad) = read(csv.as_bytes())?;
        assert!(good.is_empty() && bad[0].reason.contains("product has more than 200"));
        Ok(())
    }

    #[test]
    fn a_file_with_other_columns_is_refused() {
        for csv in ["", "a,b\n1,2\n", "company_id\n"] {
            assert!(read(csv.as_bytes()).is_err(), "{csv}");
        }
    }
}
