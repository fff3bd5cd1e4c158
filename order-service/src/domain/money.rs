//! Money: an integer of minor units and an ISO 4217 currency.

use std::fmt;
use std::str::FromStr;

/// The code of a currency that exists, for example `KRW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Currency(iso_currency::Currency);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotACurrency;

impl FromStr for Currency {
    type Err = NotACurrency;

    fn from_str(code: &str) -> Result<Self, NotACurrency> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(NotACurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.code())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Money {
    pub(crate) minor: i64,
    pub(crate) currency: Currency,
}

impl Money {
    /// None when the sum is too large to be written down.
    pub(crate) fn times(self, quantity: i32) -> Option<Self> {
        let minor = self.minor.checked_mul(i64::from(quantity))?;
        Some(Self { minor, ..self })
    }

    /// None also when the currencies differ.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_add(other.minor)?;
        (self.currency == other.currency).then_some(Self { minor, ..self })
    }
}
