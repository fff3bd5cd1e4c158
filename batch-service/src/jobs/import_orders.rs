//! import-orders: takes over paid orders from a CSV file. The same file twice changes nothing.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use csv::StringRecord;
use iso_currency::Currency;
use shared::{CompanyId, Session, Timestamp, UserId};

use crate::error::BatchError;
use crate::money::parse_minor;
use crate::order_api::{OrderApi, PaidOrder};
use crate::progress::Progress;
use crate::report::{BadLine, ImportReport};
use crate::user_api::UserApi;

/// Its name.
pub const NAME: &str = "import-orders";

/// Orders sent at once.
const CHUNK: usize = 500;

/// The longest text that the services take.
const MAX_TEXT_CHARS: usize = 200;

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

/// Takes over paid orders.
#[derive(Clone, Debug)]
pub struct ImportOrders {
    pub(crate) orders: OrderApi,
    pub(crate) users: UserApi,
    pub(crate) account: UserId,
    pub(crate) progress: Progress,
}

/// A good line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    number: u64,
    company: CompanyId,
    email: String,
    order_no: String,
    product: String,
    quantity: i32,
    unit_price_minor: i64,
    currency: &'static str,
    paid_at: Timestamp,
}

impl ImportOrders {
    /// Imports the file. A bad line is reported and does not stop the rest.
    ///
    /// # Errors
    /// When the file cannot be read or has other columns, or a service stays away.
    pub async fn run(&self, file: &Path) -> Result<ImportReport, BatchError> {
        let path = file.display().to_string();
        let bytes = tokio::fs::read(file).await;
        let bytes = bytes.map_err(|cause| BatchError::File { path: path.clone(), cause })?;
        self.run_on(&path, &bytes).await
    }

    /// Imports the text of a file; `path` is what it is called in messages.
    ///
    /// # Errors
    /// As [`ImportOrders::run`].
    pub async fn run_on(&self, path: &str, csv: &[u8]) -> Result<ImportReport, BatchError> {
        let (by_company, bad_lines) = read(csv).map_err(|cause| {
            let path = path.to_owned();
            BatchError::NotOrders { path, cause }
        })?;
        let mut report = ImportReport { bad_lines, ..ImportReport::default() };
        for (company, lines) in by_company {
            self.import_company(company, &lines, &mut report).await?;
        }
        self.progress.finish();
        report.bad_lines.sort();
        Ok(report)
    }

    async fn import_company(
        &self,
        company: CompanyId,
        lines: &[Line],
        report: &mut ImportReport,
    ) -> Result<(), BatchError> {
        let session = Session::new(company, self.account);
        let steps = self.progress.company(company, lines.len());
        let emails: HashSet<&str> = lines.iter().map(|line| line.email.as_str()).collect();
        let mut emails: Vec<&str> = emails.into_iter().collect();
        emails.sort_unstable();
        let users = self.users.import(&session, &emails).await?;
        for chunk in lines.chunks(CHUNK) {
            let (numbers, orders) = resolve(chunk, &users, &mut report.bad_lines);
            let outcomes = self.orders.import(&session, &orders).await?;
            for ((line, order), outcome) in numbers.into_iter().zip(&orders).zip(outcomes) {
                match outcome.error {
                    Some(reason) => report.bad_lines.push(BadLine { line, reason }),
                    None => {
                        report.paid_on.insert(order.paid_at.date_naive());
                        let counted = &mut report.unchanged;
                        *if outcome.created { &mut report.created } else { counted } += 1;
                    }
                }
            }
            chunk.iter().for_each(|_| steps.step());
        }
        Ok(())
    }
}

/// The orders of these lines with their buyers' ids, and the number of each line.
fn resolve(
    lines: &[Line],
    users: &HashMap<String, Result<UserId, String>>,
    bad_lines: &mut Vec<BadLine>,
) -> (Vec<u64>, Vec<PaidOrder>) {
    let mut good = (Vec::with_capacity(lines.len()), Vec::with_capacity(lines.len()));
    for line in lines {
        match users.get(&line.email) {
            Some(Ok(user_id)) => {
                good.0.push(line.number);
                good.1.push(line.order_of(*user_id));
            }
            other => {
                let why = other.and_then(|user| user.as_ref().err().cloned());
                let reason = format!("user_email: {}", why.unwrap_or_default());
                bad_lines.push(BadLine { line: line.number, reason });
            }
        }
    }
    good
}

impl Line {
    fn order_of(&self, user_id: UserId) -> PaidOrder {
        PaidOrder {
            order_no: self.order_no.clone(),
            user_id,
            product: self.product.clone(),
            quantity: self.quantity,
            unit_price_minor: self.unit_price_minor,
            currency: self.currency.to_owned(),
            paid_at: self.paid_at,
        }
    }
}

type Read = (Vec<(CompanyId, Vec<Line>)>, Vec<BadLine>);

/// The good lines by company, in the order in which the companies occur, and the bad ones.
fn read(csv: &[u8]) -> Result<Read, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(csv);
    let heading = reader.headers().map_err(|error| error.to_string())?;
    if heading.iter().map(str::trim).ne(COLUMNS) {
        return Err(format!("its first line has to be {}", COLUMNS.join(",")));
    }
    let mut by_company: Vec<(CompanyId, Vec<Line>)> = Vec::new();
    let mut places: HashMap<CompanyId, usize> = HashMap::new();
    let mut bad_lines = Vec::new();
    let mut lines = LineNumbers { csv, at_byte: 0, line: 1 };
    for record in reader.records() {
        let parsed = match &record {
            Ok(record) => parse(record, lines.number_at(record.position())),
            Err(error) => Err(unreadable(error, lines.number_at(error.position()))),
        };
        match parsed {
            Ok(line) => {
                let place = *places.entry(line.company).or_insert_with(|| {
                    by_company.push((line.company, Vec::new()));
                    by_company.len() - 1
                });
                by_company[place].1.push(line);
            }
            Err(bad) => bad_lines.push(bad),
        }
    }
    Ok((by_company, bad_lines))
}

/// Counts lines as an editor does; the reader itself does not count the empty ones that it skips.
struct LineNumbers<'c> {
    csv: &'c [u8],
    at_byte: usize,
    line: u64,
}

impl LineNumbers<'_> {
    /// Positions come in the order of the file.
    fn number_at(&mut self, position: Option<&csv::Position>) -> u64 {
        let byte = position.map_or(0, csv::Position::byte);
        let mut begin = usize::try_from(byte).unwrap_or(usize::MAX).min(self.csv.len());
        while matches!(self.csv.get(begin), Some(b'\n' | b'\r')) {
            begin += 1;
        }
        let passed = self.csv.get(self.at_byte..begin).unwrap_or_default();
        self.line += passed.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        self.at_byte = begin;
        self.line
    }
}

fn unreadable(error: &csv::Error, line: u64) -> BadLine {
    let reason = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
        _ => error.to_string(),
    };
    BadLine { line, reason }
}

fn parse(record: &StringRecord, number: u64) -> Result<Line, BadLine> {
    let bad = |reason: String| BadLine { line: number, reason };
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
        currency: currency.code(),
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
            assert_eq!(bad_line.line, number);
            assert!(bad_line.reason.contains(named), "{bad_line:?}");
        }
        assert_eq!(found.len(), bad.len());
        let lines: Vec<_> = good.iter().flat_map(|(_, lines)| lines).collect();
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].product.as_str(), lines[0].unit_price_minor), ("pen, \"red\"", 150));
        Ok(())
    }

    #[test]
    fn a_line_that_is_not_utf8_is_bad_and_the_next_is_good() -> Result<(), String> {
        let mut csv = HEADING.as_bytes().to_vec();
        csv.extend_from_slice(b"1,\xff@b.example,1,pen,1,1,KRW,2026-07-17T00:00:00Z\n");
        csv.extend_from_slice(b"1,a@b.example,1,pen,1,1,KRW,2026-07-17T00:00:00Z\n");
        let (good, bad) = read(&csv)?;
        assert_eq!((good.len(), bad.len()), (1, 1));
        assert_eq!((bad[0].line, bad[0].reason.as_str()), (2, "not UTF-8"));
        Ok(())
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() -> Result<(), String> {
        let good = "1,a@b.example,1,\"two\nlines\",1,1,KRW,2026-07-17T00:00:00Z";
        let csv = format!("{HEADING}\r\n\n{good}\n\nbad\n{good}\n\"open,\na,b\nc\n");
        let (lines, bad) = read(csv.as_bytes())?;
        let numbers: Vec<u64> =
            lines.iter().flat_map(|(_, lines)| lines.iter().map(|line| line.number)).collect();
        assert_eq!(numbers, [4, 8]);
        let numbers: Vec<u64> = bad.iter().map(|bad| bad.line).collect();
        assert_eq!(numbers, [7, 10]);
        assert!(bad[1].reason.contains("quotation mark"), "{bad:?}");
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
