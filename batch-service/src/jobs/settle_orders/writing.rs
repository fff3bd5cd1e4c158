//! The files of a statement. Normally it is one; what a run finds settled but on no file goes on a further part, so that in
//! the end every order stands on exactly one file, whatever was killed and whoever else was at it.

use std::collections::{BTreeSet, HashMap, HashSet};

use shared::UserId;

use crate::error::BatchError;
use crate::file_api::Upload;
use crate::jobs::settle_orders::{Day, statement};
use crate::money::{SumTooLarge, Sums};
use crate::order_api::{Order, Which};
use crate::repository::Settlement;
use crate::user_api::User;

/// How often another run may come in between.
const ATTEMPTS: usize = 5;

impl Day<'_> {
    /// Writes what is missing of the statement, and closes it.
    pub(super) async fn write(&self, statement: Settlement) -> Result<(), BatchError> {
        for _ in 0..ATTEMPTS {
            let which = Which::SettlementId(self.settlement_id(statement.number));
            let orders = self.job.orders.list(self.session, &which).await?;
            let (mut file_ids, written) = self.parts(statement.number).await?;
            let missing: Vec<&Order> =
                orders.iter().filter(|order| !statement::holds(&written, order)).collect();
            if !missing.is_empty() {
                match self.write_part((statement.number, file_ids.len()), &missing).await? {
                    Upload::Written(id) => file_ids.push(id),
                    // Another run has written this part meanwhile: see what is on it.
                    Upload::Taken => continue,
                }
            }
            let done = closed(statement, &orders, file_ids)?;
            self.job.settlements.close(self.date, self.company, &done).await?;
            return Ok(());
        }
        Err(BatchError::Statement("other runs keep writing it".to_owned()))
    }

    /// The files of the statement that are there, and the orders on them.
    async fn parts(&self, number: i32) -> Result<(Vec<String>, HashSet<String>), BatchError> {
        let (mut file_ids, mut orders) = (Vec::new(), HashSet::new());
        loop {
            let key = self.part_key(number, file_ids.len());
            let Some(id) = self.job.files.find_by_key(self.session, &key).await? else {
                return Ok((file_ids, orders));
            };
            orders.extend(statement::read(&self.job.files.read(self.session, &id).await?)?);
            file_ids.push(id);
        }
    }

    async fn write_part(
        &self,
        (number, part): (i32, usize),
        orders: &[&Order],
    ) -> Result<Upload, BatchError> {
        let text = statement::write(orders, &self.buyers(orders).await?)?;
        let name = match part {
            0 => format!("settlement-{}-{number}.csv", self.date),
            part => format!("settlement-{}-{number}-part-{}.csv", self.date, part + 1),
        };
        let key = self.part_key(number, part);
        self.job.files.upload_csv(self.session, &name, (&key, text)).await
    }

    fn part_key(&self, number: i32, part: usize) -> String {
        let id = self.settlement_id(number);
        if part == 0 { id } else { format!("{id}/part-{}", part + 1) }
    }

    async fn buyers(&self, orders: &[&Order]) -> Result<HashMap<UserId, User>, BatchError> {
        let ids: BTreeSet<UserId> = orders.iter().map(|order| order.user_id).collect();
        let ids: Vec<UserId> = ids.into_iter().collect();
        self.job.users.find_all(self.session, &ids).await
    }
}

fn closed(
    statement: Settlement,
    orders: &[Order],
    file_ids: Vec<String>,
) -> Result<Settlement, SumTooLarge> {
    let mut sums = Sums::default();
    for order in orders {
        sums.add(order.total_minor, &order.currency)?;
    }
    let order_count = i64::try_from(orders.len()).unwrap_or(i64::MAX);
    Ok(Settlement { open: false, file_ids, order_count, sums, ..statement })
}
