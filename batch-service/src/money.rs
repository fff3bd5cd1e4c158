//! Amounts as people write them, and sums per currency.

use std::collections::BTreeMap;
use std::fmt;

use iso_currency::Currency;
use serde::{Deserialize, Serialize};

/// Reads an amount such as `12.50` into minor units: exactly, with no more decimals than the currency has.
pub(crate) fn parse_minor(text: &str, currency: Currency) -> Option<i64> {
    let decimals = decimals(currency);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let sound = !whole.is_empty() && digits(whole) && digits(fraction);
    if !sound || fraction.len() > decimals || text.ends_with('.') {
        return None;
    }
    format!("{whole}{fraction:0<decimals$}").parse().ok()
}

/// Writes minor units as an amount.
pub(crate) fn format_minor(minor: i64, currency: &str) -> String {
    let decimals = Currency::from_code(currency).map_or(0, decimals);
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn decimals(currency: Currency) -> usize {
    currency.exponent().map_or(0, usize::from)
}

/// A sum that cannot be written down. It is never cut to one that can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sum is too large to be written down")]
pub struct SumTooLarge;

/// A sum for each currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sums(BTreeMap<String, i64>);

impl Sums {
    /// Adds an amount.
    pub(crate) fn add(&mut self, minor: i64, currency: &str) -> Result<(), SumTooLarge> {
        let sum = self.0.entry(currency.to_owned()).or_default();
        *sum = sum.checked_add(minor).ok_or(SumTooLarge)?;
        Ok(())
    }

    pub(crate) fn add_all(&mut self, other: &Self) -> Result<(), SumTooLarge> {
        other.0.iter().try_for_each(|(currency, minor)| self.add(*minor, currency))
    }

    /// Currency and minor units, by currency.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(currency, minor)| (currency.as_str(), *minor))
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .iter()
            .map(|(currency, minor)| format!("{} {currency}", format_minor(minor, currency)))
            .collect();
        formatter.write_str(&parts.join(" + "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_exactly_or_not_at_all() {
        let table = [
            ("12.50", Currency::USD, Some(1250)),
            ("12.5", Currency::USD, Some(1250)),
            ("12", Currency::USD, Some(1200)),
            ("0.01", Currency::EUR, Some(1)),
            ("19900", Currency::KRW, Some(19900)),
            ("1.234", Currency::BHD, Some(1234)),
            ("19900.0", Currency::KRW, None),
            ("12.505", Currency::USD, None),
            ("-1", Currency::USD, None),
            ("+1", Currency::USD, None),
            ("1e3", Currency::USD, None),
            ("", Currency::USD, None),
            (".5", Currency::USD, None),
            ("1.", Currency::USD, None),
            ("1,000", Currency::USD, None),
            ("99999999999999999999", Currency::KRW, None),
        ];
        for (text, currency, expected) in table {
            assert_eq!(parse_minor(text, currency), expected, "{text} {currency:?}");
        }
    }

    #[test]
    fn an_amount_is_written_with_the_decimals_of_its_currency() {
        assert_eq!(format_minor(1250, "USD"), "12.50");
        assert_eq!(format_minor(5, "USD"), "0.05");
        assert_eq!(format_minor(-5, "USD"), "-0.05");
        assert_eq!(format_minor(19900, "KRW"), "19900");
        assert_eq!(format_minor(0, "BHD"), "0.000");
    }
}
