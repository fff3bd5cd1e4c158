//! An order, its states, and what may be done in which.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use shared::{CompanyId, Timestamp, UserId};
use uuid::Uuid;

use crate::domain::calendar::Day;
use crate::domain::money::Money;
use crate::domain::product::ProductId;
use crate::domain::request::RequestName;
use crate::error::{BadField, OrderError};

const SLACK: TimeDelta = TimeDelta::seconds(1);
/// The most pieces of one product.
pub(crate) const MAX_QUANTITY: i32 = 100_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) company_id: CompanyId,
    pub(crate) user_id: UserId,
    pub(crate) order_no: String,
    pub(crate) status: OrderStatus,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) total: Money,
    pub(crate) paid_at: Option<Timestamp>,
    pub(crate) settlement: Option<Settlement>,
    pub(crate) version: i32,
    pub(crate) created_at: Timestamp,
}

impl Order {
    /// Whether the other one of this number tells of the same purchase: who paid when for how many of what at which
    /// price. What has become of it since does not matter.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        self.user_id == other.user_id
            && self.lines == other.lines
            && self.total == other.total
            && self.paid_at == other.paid_at
    }

    /// For an order that could not be settled: fine if this very request has settled it before.
    pub(crate) fn check_settled_by(&self, asked: &Settlement) -> Result<(), OrderError> {
        match &self.settlement {
            Some(done) if done.request != asked.request => Err(OrderError::WrongState),
            Some(done) if done.id != asked.id => Err(OrderError::KeyReused),
            Some(_) => Ok(()),
            None => Err(OrderError::WrongState),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderLine {
    pub(crate) product_id: ProductId,
    pub(crate) product_name: String,
    pub(crate) quantity: i32,
    pub(crate) unit_price_minor: i64,
}

/// When and within what an order was settled, and by which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) id: RequestName,
    pub(crate) request: RequestName,
    pub(crate) at: Timestamp,
}

/// UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OrderId(Uuid);

impl OrderId {
    /// Ids are in the order in which this process makes them, within a millisecond too: orders imported together are
    /// listed as they came.
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The text of no id, but before those of every order that was placed at this moment or later. (The id and the moment
    /// of an order are not drawn at once; a second is time enough.)
    pub(crate) fn floor(at: Timestamp) -> String {
        bound(at - SLACK)
    }

    /// The same after those of every order that was placed before this moment.
    pub(crate) fn ceiling(at: Timestamp) -> String {
        bound(at + SLACK)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, OrderError> {
        Uuid::try_parse(text).map(Self).map_err(|_| OrderError::NoSuchOrder)
    }
}

/// What UUIDv7 begins with: the milliseconds since 1970.
fn bound(at: Timestamp) -> String {
    let ms = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    format!("{:08x}-{:04x}", ms >> 16, ms & 0xffff)
}

impl fmt::Display for OrderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Which orders of a company are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderFilter {
    pub(crate) direction: Direction,
    pub(crate) status: Option<OrderStatus>,
    /// Placed by this user.
    pub(crate) user_id: Option<UserId>,
    /// Placed at this moment or later.
    pub(crate) placed_from: Option<Timestamp>,
    /// Placed before this moment.
    pub(crate) placed_to: Option<Timestamp>,
    pub(crate) paid_on: Option<Day>,
    /// Paid at this moment or later.
    pub(crate) paid_from: Option<Timestamp>,
    /// Paid before this moment.
    pub(crate) paid_to: Option<Timestamp>,
    pub(crate) settlement_id: Option<RequestName>,
}

/// Which orders come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Direction {
    #[default]
    Oldest,
    Newest,
}

impl FromStr for Direction {
    type Err = BadField;

    fn from_str(name: &str) -> Result<Self, BadField> {
        match name {
            "oldest" => Ok(Self::Oldest),
            "newest" => Ok(Self::Newest),
            _ => Err(BadField("order", "oldest or newest")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderStatus {
    Pending,
    Paid,
    Settled,
    Cancelled,
}

impl OrderStatus {
    pub(crate) const ALL: [Self; 4] = [Self::Pending, Self::Paid, Self::Settled, Self::Cancelled];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Paid => "PAID",
            Self::Settled => "SETTLED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// PENDING -> PAID -> SETTLED; PENDING and PAID -> CANCELLED.
    pub(crate) fn can_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Paid | Self::Cancelled)
                | (Self::Paid, Self::Settled | Self::Cancelled)
        )
    }

    /// The states from which this one can be reached.
    pub(crate) fn before(self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|from| from.can_become(self)).collect()
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for OrderStatus {
    type Err = BadField;

    fn from_str(name: &str) -> Result<Self, BadField> {
        let found = Self::ALL.into_iter().find(|status| status.name() == name);
        found.ok_or(BadField("status", "PENDING, PAID, SETTLED or CANCELLED"))
    }
}

#[cfg(test)]
mod tests {
    use shared::Clock;

    use super::*;

    #[test]
    fn an_order_moves_forward_only() {
        use OrderStatus::{Cancelled, Paid, Pending, Settled};
        let allowed = [(Pending, Paid), (Paid, Settled), (Pending, Cancelled), (Paid, Cancelled)];
        for from in OrderStatus::ALL {
            for to in OrderStatus::ALL {
                assert_eq!(from.can_become(to), allowed.contains(&(from, to)), "{from} -> {to}");
            }
        }
        assert_eq!(Cancelled.before(), [Pending, Paid]);
        assert_eq!(Settled.before(), [Paid]);
    }

    #[test]
    fn ids_are_in_the_order_in_which_they_are_made() {
        let ids: Vec<String> = (0..1000).map(|_| OrderId::generate().to_string()).collect();
        assert!(ids.is_sorted());
        for text in ["", "x", "\0", "../x", &ids[0][1..]] {
            assert!(matches!(OrderId::parse(text), Err(OrderError::NoSuchOrder)), "{text:?}");
        }
        assert_eq!(OrderId::parse(&ids[0]).map(|id| id.to_string()).ok().as_ref(), Some(&ids[0]));
    }

    #[test]
    fn the_ids_of_a_moment_lie_between_its_bounds() {
        let (id, now) = (OrderId::generate().to_string(), shared::SystemClock::new().now());
        let second = TimeDelta::seconds(1);
        assert!(OrderId::floor(now) < id && id < OrderId::ceiling(now));
        assert!(id < OrderId::floor(now + second * 3) && OrderId::ceiling(now - second * 3) < id);
        assert!(OrderId::floor(Timestamp::UNIX_EPOCH).starts_with("00000000-0000"));
    }

    fn settlement(id: &str, request: &str) -> Result<Settlement, BadField> {
        let (id, request) = (RequestName::parse("x", id)?, RequestName::parse("x", request)?);
        Ok(Settlement { id, request, at: Timestamp::UNIX_EPOCH })
    }

    fn order(settlement: Option<Settlement>) -> Option<Order> {
        let total = Money { minor: 300, currency: "KRW".parse().ok()? };
        let (product_name, quantity, unit_price_minor) = ("pen".to_owned(), 2, 150);
        Some(Order {
            id: OrderId::generate(),
            company_id: CompanyId::MIN,
            user_id: UserId::MIN,
            order_no: "A".to_owned(),
            status: OrderStatus::Paid,
            lines: vec![OrderLine { product_id: 7, product_name, quantity, unit_price_minor }],
            total,
            paid_at: Some(Timestamp::UNIX_EPOCH),
            settlement,
            version: 1,
            created_at: Timestamp::UNIX_EPOCH,
        })
    }

    #[test]
    fn only_the_request_that_has_settled_an_order_may_come_again() -> Result<(), BadField> {
        let done = settlement("s-1", "k-1")?;
        let order = order(Some(done.clone()));
        let check = |asked: &Settlement| order.as_ref().map(|order| order.check_settled_by(asked));
        assert!(matches!(check(&done), Some(Ok(()))));
        let other_statement = check(&settlement("s-2", "k-1")?);
        assert!(matches!(other_statement, Some(Err(OrderError::KeyReused))));
        let other_request = check(&settlement("s-1", "k-2")?);
        assert!(matches!(other_request, Some(Err(OrderError::WrongState))));
        let unsettled = self::order(None).map(|order| order.check_settled_by(&done));
        assert!(matches!(unsettled, Some(Err(OrderError::WrongState))));
        Ok(())
    }

    #[test]
    fn an_order_repeats_another_only_if_it_tells_of_the_same_purchase() {
        type Change = fn(&mut Order);
        let same: [Change; 4] = [
            |_| {},
            |order| order.id = OrderId::generate(),
            |order| order.status = OrderStatus::Cancelled,
            |order| order.created_at = Timestamp::MAX_UTC,
        ];
        let other: [Change; 7] = [
            |order| order.user_id = UserId::try_from(2).unwrap_or(UserId::MIN),
            |order| order.lines[0].product_id = 8,
            |order| order.lines[0].quantity = 3,
            |order| order.lines[0].unit_price_minor = 100,
            |order| order.lines.clear(),
            |order| order.total.minor = 301,
            |order| order.paid_at = None,
        ];
        let repeats = |change: Change| {
            let (one, mut changed) = (order(None)?, order(None)?);
            change(&mut changed);
            Some(changed.repeats(&one))
        };
        assert!(same.into_iter().all(|change| repeats(change) == Some(true)));
        assert!(other.into_iter().all(|change| repeats(change) == Some(false)));
    }
}
