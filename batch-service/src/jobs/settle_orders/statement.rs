//! The settlement statement of a company: a CSV file with a line for each order and one for each sum.

use std::collections::{HashMap, HashSet};

use shared::UserId;

use crate::error::BatchError;
use crate::jobs::spreadsheet::plain;
use crate::money::{Sums, format_minor};
use crate::order_api::Order;
use crate::user_api::User;

/// What stands in place of an order number where a line is a sum; such a line has no moment of payment.
const TOTAL: &str = "TOTAL";

const HEADING: [&str; 9] = [
    "order_no",
    "paid_at",
    "buyer_name",
    "buyer_email",
    "product",
    "quantity",
    "unit_price",
    "total",
    "currency",
];

/// The text of a statement of these orders.
pub(crate) fn write(
    orders: &[&Order],
    buyers: &HashMap<UserId, User>,
) -> Result<String, BatchError> {
    let failed = |error: &dyn std::fmt::Display| BatchError::Statement(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADING).map_err(|error| failed(&error))?;
    let mut sums = Sums::default();
    for order in orders {
        sums.add(order.total_minor, &order.currency)?;
        for record in records(order, buyers.get(&order.user_id)) {
            writer.write_record(record).map_err(|error| failed(&error))?;
        }
    }
    for (currency, minor) in sums.iter() {
        let total = format_minor(minor, currency);
        let record = [TOTAL, "", "", "", "", "", "", &total, currency];
        writer.write_record(record).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// The orders that stand on a statement, by their number.
pub(crate) fn read(statement: &[u8]) -> Result<HashSet<String>, BatchError> {
    let mut reader = csv::Reader::from_reader(statement);
    let mut numbers = HashSet::new();
    for record in reader.records() {
        let record = record.map_err(|error| BatchError::Statement(error.to_string()))?;
        let is_sum = record.get(0) == Some(TOTAL) && record.get(1) == Some("");
        if let Some(number) = record.get(0).filter(|_| !is_sum) {
            numbers.insert(number.to_owned());
        }
    }
    Ok(numbers)
}

/// Whether the order is among those that [`read`] has found.
pub(crate) fn holds(numbers: &HashSet<String>, order: &Order) -> bool {
    numbers.contains(plain(&order.order_no).as_ref())
}

/// A line for each item. A buyer who has left is not named.
fn records(order: &Order, buyer: Option<&User>) -> Vec<[String; 9]> {
    let paid_at = order.paid_at.map(|at| at.to_rfc3339()).unwrap_or_default();
    let name = buyer.map(|buyer| buyer.name.as_str()).unwrap_or_default();
    let email = buyer.and_then(|buyer| buyer.email.as_deref()).unwrap_or_default();
    let line = |item: &crate::order_api::Item| {
        // order-service has multiplied them before, and taken the order in only because the product fits.
        let sum = item.unit_price_minor.saturating_mul(i64::from(item.quantity));
        [
            plain(&order.order_no).into_owned(),
            paid_at.clone(),
            plain(name).into_owned(),
            plain(email).into_owned(),
            plain(&item.product).into_owned(),
            item.quantity.to_string(),
            format_minor(item.unit_price_minor, &order.currency),
            format_minor(sum, &order.currency),
            order.currency.clone(),
        ]
    };
    order.items.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use shared::Timestamp;

    use super::*;
    use crate::order_api::Item;

    #[test]
    fn a_statement_has_a_line_for_each_item_and_each_sum() -> Result<(), BatchError> {
        let order = |order_no: &str, total_minor, currency: &str| Order {
            id: order_no.to_owned(),
            user_id: UserId::MIN,
            order_no: order_no.to_owned(),
            status: "SETTLED".to_owned(),
            items: vec![Item {
                product: "=cmd(), \"x\"".to_owned(),
                quantity: 2,
                unit_price_minor: total_minor / 2,
            }],
            total_minor,
            currency: currency.to_owned(),
            paid_at: Some(Timestamp::UNIX_EPOCH),
            settlement_id: None,
        };
        let orders = [order("A", 300, "USD"), order("B", 10, "KRW")];
        let text = write(&orders.each_ref(), &HashMap::new())?;
        let lines: Vec<&str> = text.lines().collect();
        let expected = r#"A,1970-01-01T00:00:00+00:00,,,"'=cmd(), ""x""",2,1.50,3.00,USD"#;
        assert_eq!(lines[1], expected);
        let found = read(text.as_bytes())?;
        assert!(holds(&found, &order("A", 1, "KRW")) && !holds(&found, &order("TOTAL", 1, "KRW")));
        assert_eq!(found.len(), 2);
        assert_eq!(lines[3..], ["TOTAL,,,,,,,10,KRW", "TOTAL,,,,,,,3.00,USD"]);
        Ok(())
    }
}
