//! Two companies: what one has is to the other as if it did not exist, whatever is asked, in whatever order.

use std::collections::BTreeSet;

use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use reqwest::Method;
use serde_json::{Value, json};
use shared::Routes;
use tests::backend::on_servers;
use tests::caller::{Answer, Caller, send};
use tests::system::System;

/// Somebody of a company, and what the company has.
struct Company {
    orders: Caller,
    files: Caller,
    /// In every name and every file; what is here must never be seen there.
    marker: &'static str,
    product: i64,
    order_ids: Vec<String>,
    file_ids: Vec<String>,
    calls: u32,
}

impl Company {
    async fn new(system: &System, (id, marker): (i64, &'static str)) -> Self {
        let session = format!(r#"{{"companyId":{id},"userId":2}}"#);
        let orders = system.caller("order-service", &session).await;
        let files = system.caller("file-service", &session).await;
        let row = json!({
            "orderNo": marker, "userId": 2, "product": format!("pen of {marker}"), "quantity": 1,
            "unitPriceMinor": 150, "currency": "KRW", "paidAt": "2026-07-17T00:00:00Z",
        });
        let url = format!("{}/internal/orders/import", system.services.order.url());
        let imported = orders.post_json(&url, &json!({ "orders": [row] })).await;
        assert_eq!(imported.status, 200, "{}", imported.text);
        let url = format!("{}/api/products", system.services.order.url());
        let products = orders.get(&url).await.body["data"]["products"].clone();
        let own = |product: &&Value| product["name"].as_str().unwrap().ends_with(marker);
        let product = products.as_array().unwrap().iter().find(own).expect("its product");
        let product = product["id"].as_i64().unwrap();
        let (order_ids, file_ids) = Default::default();
        Self { orders, files, marker, product, order_ids, file_ids, calls: 0 }
    }

    fn next_key(&mut self) -> String {
        self.calls += 1;
        format!("{}-{}", self.marker, self.calls)
    }

    async fn place(&mut self, system: &System) {
        let (key, url) = (self.next_key(), system.services.order.url());
        let placed = self.orders.place_order(&url, &key, (self.product, 1)).await;
        assert_eq!(placed.status, 201, "{}", placed.text);
        self.order_ids.push(placed.body["data"]["id"].as_str().unwrap().to_owned());
    }

    async fn upload(&mut self, system: &System) {
        let (key, url) = (self.next_key(), system.services.file.url());
        let name = format!("{key}.txt");
        let body = format!("secret of {}", self.marker).into_bytes();
        let uploaded = self.files.upload(&url, (&name, &key), body).await;
        assert_eq!(uploaded.status, 201, "{}", uploaded.text);
        self.file_ids.push(uploaded.body["data"]["id"].as_str().unwrap().to_owned());
    }

    /// Something that changes what it has; whether it is allowed does not matter.
    async fn change_something(&mut self, system: &System) {
        let key = self.next_key();
        let (Some(order), Some(file)) =
            (fastrand::choice(&self.order_ids), fastrand::choice(&self.file_ids))
        else {
            return;
        };
        let url = format!("{}/api/orders/{order}", system.services.order.url());
        match fastrand::u8(..5) {
            0 => drop(self.orders.change_order(&url, &key, "pay").await),
            1 => drop(self.orders.change_order(&url, &key, "cancel").await),
            2 => drop(self.orders.settle_order(&url, &key, self.marker).await),
            3 => {
                let url = format!("{}/api/files/{file}", system.services.file.url());
                drop(self.files.delete(&url).await);
            }
            _ => {
                let url = format!("{}/api/files/{file}", system.services.file.url());
                drop(self.files.get(&url).await);
            }
        }
    }

    /// What it sees of its own, in all: it changes by its own hand only.
    async fn possessions(&self, system: &System) -> Vec<String> {
        let mut seen = Vec::new();
        for id in &self.order_ids {
            let url = format!("{}/api/orders/{id}", system.services.order.url());
            seen.push(self.orders.get(&url).await.body["data"].to_string());
        }
        for id in &self.file_ids {
            let url = format!("{}/api/files/{id}", system.services.file.url());
            let file = self.files.get(&url).await;
            seen.push(if file.status == 200 { file.text } else { file.status.to_string() });
        }
        seen
    }
}

/// All routes of a service that name something by its id.
fn routes_with_ids(routes: &Routes) -> Vec<(String, String)> {
    let all = routes.list().into_iter().map(|(method, path, _)| (method, path));
    all.filter(|(_, path)| path.contains("{id}")).collect()
}

/// An answer without what differs from one call to the next.
fn essence(answer: &Answer, id: &str) -> (u16, String, Vec<(String, String)>) {
    let mut body = answer.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("timestamp");
    }
    let text = if body.is_null() { answer.text.clone() } else { body.to_string() };
    let volatile = ["date", "x-request-id", "traceparent"];
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !volatile.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").replace(id, "ID")))
        .collect();
    headers.sort();
    (answer.status, text.replace(id, "ID"), headers)
}

/// The same request for this id, with headers that would make some difference.
async fn ask(caller: &Caller, (method, url): (&str, &str), (variant, key): (u8, &str)) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = caller.request(method, url).header("Idempotency-Key", key);
    let request = match variant % 6 {
        0 => request,
        1 => request.header("If-Match", "\"1\""),
        2 => request.header("If-Match", "*").header("If-None-Match", "*"),
        3 => request
            .header("Range", "bytes=0-3")
            .header("If-Modified-Since", "Tue, 01 Jan 2030 00:00:00 GMT"),
        4 => request.header("Tus-Resumable", "1.0.0").header("Upload-Offset", "0"),
        _ => request.header("If-Unmodified-Since", "Tue, 01 Jan 2019 00:00:00 GMT"),
    };
    let request = match variant % 2 {
        0 => request.json(&json!({"settlementId": "s"})),
        _ => request.header("Content-Type", "application/offset+octet-stream").body("x"),
    };
    send(request).await
}

/// One thing that the one asks for although it is the other's: as if it did not exist.
async fn assert_not_there(
    asking: (&Caller, u8),
    (method, base): (&str, &str),
    id: &str,
    marker: &str,
) {
    let (caller, variant) = asking;
    let unknown = uuid::Uuid::now_v7().to_string();
    let (theirs, nobodys) = (base.replace("{id}", id), base.replace("{id}", &unknown));
    let foreign = ask(caller, (method, &theirs), (variant, "probe-1")).await;
    let missing = ask(caller, (method, &nobodys), (variant, "probe-2")).await;
    let case = format!("{method} {base}, variant {variant}");
    assert_eq!(essence(&foreign, id), essence(&missing, &unknown), "{case}");
    assert!(!foreign.text.contains(marker), "{case}: {}", foreign.text);
    // What a tus server can do is told to everybody, of whatever id.
    let told = method == "OPTIONS" && foreign.status == 204;
    assert!(told || !(200..400).contains(&foreign.status), "{case}: {}", foreign.text);
}

/// Lists show what is one's own.
async fn assert_lists_are_own(system: &System, own: &Company, other: &Company) {
    let (orders, files) = (system.services.order.url(), system.services.file.url());
    let lists = [
        (&own.orders, format!("{orders}/api/orders?limit=200")),
        (&own.orders, format!("{orders}/api/orders?order=newest&status=PAID")),
        (&own.files, format!("{files}/api/files?limit=200")),
        (&own.files, format!("{files}/api/files?name={}-1.txt", other.marker)),
    ];
    for (caller, url) in lists {
        let list = caller.get(&url).await;
        assert_eq!(list.status, 200, "{url}: {}", list.text);
        assert!(!list.text.contains(other.marker), "{url}: {}", list.text);
        let theirs = other.order_ids.iter().chain(&other.file_ids);
        theirs.for_each(|id| assert!(!list.text.contains(id.as_str()), "{url}: {id}"));
    }
}

/// `BATON_TEST_STEPS` says how many, `BATON_TEST_SEED` which.
#[tokio::test(flavor = "multi_thread")]
async fn over_random_calls_neither_company_sees_or_changes_a_byte_of_the_other() {
    let number = |variable, default: u64| {
        std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
    };
    let (steps, seed) =
        (number("BATON_TEST_STEPS", 120), number("BATON_TEST_SEED", fastrand::u64(..)));
    println!("BATON_TEST_SEED={seed} repeats this");
    let system = System::start().await;
    let mut companies =
        [Company::new(&system, (100, "alpha")).await, Company::new(&system, (200, "omega")).await];
    let orders = routes_with_ids(&order_service::routes::routes());
    let files = routes_with_ids(&file_service::routes::routes());
    let at_orders = |path: &str| format!("{}{path}", system.services.order.url());
    let at_files = |path: &str| format!("{}{path}", system.services.file.url());
    fastrand::seed(seed);
    for _ in 0..steps {
        let turn = usize::from(fastrand::bool());
        let [own, other] = companies.each_mut();
        let (own, other) = if turn == 0 { (own, other) } else { (other, own) };
        match fastrand::u8(..8) {
            0 | 1 => own.place(&system).await,
            2 => own.upload(&system).await,
            3 => own.change_something(&system).await,
            4 => assert_lists_are_own(&system, own, other).await,
            _ => {
                let before = other.possessions(&system).await;
                let ids = other.order_ids.iter().chain(&other.file_ids).cloned();
                let ids: Vec<String> = ids.collect();
                let Some(id) = fastrand::choice(&ids) else { continue };
                let variant = fastrand::u8(..);
                let (method, path) = fastrand::choice(&orders).unwrap();
                let asking = (&own.orders, variant);
                assert_not_there(asking, (method, &at_orders(path)), id, other.marker).await;
                let (method, path) = fastrand::choice(&files).unwrap();
                let asking = (&own.files, variant);
                assert_not_there(asking, (method, &at_files(path)), id, other.marker).await;
                assert_eq!(other.possessions(&system).await, before);
            }
        }
    }
    system.stop().await;
}

/// Not one of the routes by chance, but each, with each variant.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_for_another_companys_id_as_for_one_that_nobody_has() {
    let system = System::start().await;
    let mut theirs = Company::new(&system, (100, "alpha")).await;
    let own = Company::new(&system, (200, "omega")).await;
    theirs.place(&system).await;
    theirs.upload(&system).await;
    let before = theirs.possessions(&system).await;
    let services = [
        (order_service::routes::routes(), system.services.order.url(), &own.orders),
        (file_service::routes::routes(), system.services.file.url(), &own.files),
    ];
    for (routes, url, caller) in &services {
        for (method, path) in routes_with_ids(routes) {
            for id in theirs.order_ids.iter().chain(&theirs.file_ids) {
                for variant in 0..6 {
                    let target = (method.as_str(), &*format!("{url}{path}"));
                    assert_not_there((caller, variant), target, id, theirs.marker).await;
                }
            }
        }
    }
    assert_eq!(theirs.possessions(&system).await, before);
    system.stop().await;
}

#[derive(diesel::QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

async fn texts(connection: &mut AsyncPgConnection, sql: &str) -> Vec<String> {
    let rows: Vec<Text> = diesel::sql_query(sql).load(connection).await.expect(sql);
    rows.into_iter().map(|row| row.text).collect()
}

/// The tables are asked for, not listed here: one that is added without a policy is found.
const UNPROTECTED: &str =
    "SELECT c.relname::text AS text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND a.attname = 'company_id' AND c.relnamespace = 'public'::regnamespace
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity)";
const PROTECTED: &str =
    "SELECT c.relname::text AS text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND a.attname = 'company_id' AND c.relnamespace = 'public'::regnamespace
    AND c.relrowsecurity AND c.relforcerowsecurity ORDER BY c.relname";

/// As the service connects, with its tables, but with queries that have forgotten their `where`.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_where_postgresql_shows_and_changes_the_rows_of_one_company_alone() {
    if !on_servers() {
        return;
    }
    let system = System::start().await;
    for company in [(100, "alpha"), (200, "omega")] {
        let mut company = Company::new(&system, company).await;
        company.place(&system).await;
        company.upload(&system).await;
        let url = format!("{}/api/orders/{}", system.services.order.url(), company.order_ids[0]);
        assert_eq!(company.orders.change_order(&url, "pay", "pay").await.status, 200);
    }
    let databases = &system.options.databases;
    for url in [&databases.order, &databases.file] {
        let mut connection = AsyncPgConnection::establish(url).await.unwrap();
        assert_eq!(texts(&mut connection, UNPROTECTED).await, Vec::<String>::new(), "no policy");
        let tables = texts(&mut connection, PROTECTED).await;
        assert!(!tables.is_empty());
        for table in &tables {
            assert_shows_one_company(&mut connection, table).await;
        }
    }
    system.stop().await;
}

async fn assert_shows_one_company(connection: &mut AsyncPgConnection, table: &str) {
    use diesel_async::SimpleAsyncConnection;
    let companies = format!("SELECT DISTINCT company_id::text AS text FROM {table} ORDER BY 1");
    assert_eq!(texts(connection, &companies).await, Vec::<String>::new(), "{table}: no tenant");
    let mut all = BTreeSet::new();
    for company in ["100", "200"] {
        let begin = format!("BEGIN; SET LOCAL baton.company_id = '{company}'");
        connection.batch_execute(&begin).await.unwrap();
        let seen = texts(connection, &companies).await;
        assert!(seen.iter().all(|own| own == company), "{table}: {seen:?}");
        all.extend(seen);
        let taken = format!("UPDATE {table} SET company_id = {company}; DELETE FROM {table}");
        // What other tables refer to cannot be deleted; that nobody else's was is what counts.
        let _ = connection.batch_execute(&taken).await;
        connection.batch_execute("ROLLBACK").await.unwrap();
        let foreign = format!("{begin}; UPDATE {table} SET company_id = 999");
        let moved = connection.batch_execute(&foreign).await;
        let nothing_there = all.is_empty();
        assert!(moved.is_err() || nothing_there, "{table}: a row was given away");
        connection.batch_execute("ROLLBACK").await.unwrap();
    }
    if ["orders", "order_items", "company_prices", "receipts", "files"].contains(&table) {
        assert_eq!(all.len(), 2, "{table}: the test has rows of both");
    }
}
