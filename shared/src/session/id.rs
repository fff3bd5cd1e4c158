//! [`CompanyId`] and [`UserId`]: integers greater than 0.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A company (tenant): an integer greater than 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct CompanyId(i64);

/// A user: an integer greater than 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct UserId(i64);

/// An id that is not an integer greater than 0.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is an integer greater than 0")]
pub struct NotAnId;

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// The smallest: 1.
            pub const MIN: Self = Self(1);

            /// The number itself.
            #[must_use]
            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = NotAnId;

            fn try_from(number: i64) -> Result<Self, NotAnId> {
                if number > 0 { Ok(Self(number)) } else { Err(NotAnId) }
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.parse::<i64>().map_err(|_| NotAnId).and_then(Self::try_from)
            }
        }
    };
}

id!(CompanyId);
id!(UserId);
