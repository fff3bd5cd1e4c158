//! recall-product: cancels the paid orders of a day that hold a product, company by company.
use batch_service::job::{Chunk, Declaration, Job, Outcome, Parameter, Planned, Run, Work};
use batch_service::{Jobs, Result, async_trait, window::Period};
use serde_json::Value;
use shared::ServiceClient;

const DECLARATION: Declaration = Declaration {
    period: Period::Day,
    parameters: &[Parameter::required("product", "what is recalled")],
    ..Declaration::new("recall-product", "cancel the paid orders that hold a product")
};
struct RecallProduct(ServiceClient);

#[async_trait]
impl Job for RecallProduct {
    type Item = String;
    fn declaration(&self) -> Declaration {
        DECLARATION
    }
    async fn partitions(&self, run: &Run) -> Result<Planned> {
        let call = self.0.without_session().get("/internal/settlements/companies");
        let found: Value = call.query(&[("paidOn", run.window.label())]).fetch().await?;
        Ok(Planned::Companies(serde_json::from_value(found["companies"].clone())?))
    }
    async fn read(&self, work: &Work<'_>, after: Option<&str>) -> Result<Chunk<String>> {
        let day = Some(work.run.window.label());
        let query = [("status", Some("PAID")), ("paidOn", day), ("cursor", after)];
        let call = self.0.with_session(work.session()?).get("/api/orders");
        let page: Value = call.query(&query).fetch().await?;
        let orders = page["orders"].as_array().into_iter().flatten();
        let sold = orders.filter(|one| one["items"][0]["product"] == work.run.parameter("product"));
        let ids = sold.filter_map(|order| order["id"].as_str().map(str::to_owned));
        Ok(Chunk::of_ids(ids, page["nextCursor"].as_str().map(str::to_owned)))
    }
    async fn process(&self, work: &Work<'_>, id: &String, key: &str) -> Result<Outcome> {
        let call = self.0.with_session(work.session()?).post(&format!("/api/orders/{id}/cancel"));
        call.idempotency_key(key).fetch::<Value>().await?;
        Ok(Outcome::one("cancelled"))
    }
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let jobs = Jobs::none().and(DECLARATION, |batch| {
        Ok(RecallProduct(batch.client("order-service", "order:read order:write order:settle")?))
    });
    batch_service::main(jobs).await
}
