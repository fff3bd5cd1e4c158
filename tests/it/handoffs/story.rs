//! Somebody asks for an export and goes away; two hours later it is made, in his name.

use std::process::Stdio;
use std::time::Duration;

use auth_service::domain::client::Client;
use auth_service::domain::purpose::Purpose;
use serde_json::{Value, json};
use shared::Secret;
use standalone::services::exports_taken_over;
use tests::caller::Caller;
use tests::collector::{Collector, Step};
use tests::fleet::{Fleet, Kind};
use tests::moved_clock::MovedClock;
use tests::oauth::{OAuthClient, claims_of, declared};
use tests::people::People;
use tests::process::{Process, command};
use tests::system::ANY_SESSION;
use tests::visitor::Visitor;

const USER: i64 = 200;
const TWO_HOURS: Duration = Duration::from_secs(2 * 3600);

struct Night {
    fleet: Fleet,
    clock: MovedClock,
    collector: Collector,
    people: People,
    batch_secret: Secret,
    folder: tempfile::TempDir,
}

fn batch() -> Client {
    let mut batch =
        Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared("batch-service") };
    let purpose = Purpose::parse("order-exports").unwrap();
    batch.takes_over.insert(purpose, exports_taken_over().unwrap());
    batch
}

impl Night {
    async fn new() -> Self {
        let (folder, people) = (tempfile::tempdir().unwrap(), People::start());
        let (collector, clock) = (Collector::start().await, MovedClock::new(folder.path()));
        let mut fleet = Fleet::new().await;
        for settings in fleet.settings.values_mut() {
            settings.insert("otlp_url".to_owned(), collector.url().to_string());
        }
        let auth = fleet.settings.get_mut(&Kind::Auth).unwrap();
        auth.insert("user_url".to_owned(), people.url.clone());
        let batch_secret = fleet.register(&batch()).await;
        Self { batch_secret, fleet, clock, collector, people, folder }
    }

    /// Orders of the user, and of another in his company.
    async fn import(&self, importer: &OAuthClient) {
        let form = [("resource", "order-service"), ("session", r#"{"companyId":100,"userId":1}"#)];
        let caller = Caller::new(Some(importer.token(&form).await.access_token().to_owned()));
        let orders: Vec<Value> = (0..6)
            .map(|number| {
                json!({"orderNo": format!("N-{number}"), "userId": USER + number % 2, "product": "pen",
                    "quantity": 1, "unitPriceMinor": 150, "currency": "USD", "paidAt": "2026-07-17T10:00:00Z"})
            })
            .collect();
        let url = format!("{}/internal/orders/import", self.fleet.url(Kind::Order));
        assert_eq!(caller.post_json(&url, &json!({ "orders": orders })).await.status, 200);
    }

    /// The batch, by the moved clock.
    async fn run_batch(&self) -> (Option<i32>, String) {
        let settings = [
            ("BATON_BATCH_DATABASE_URL", self.fleet.batch_database_url()),
            ("BATON_BATCH_TOKEN_URL", format!("{}/oauth2/token", self.fleet.url(Kind::Auth))),
            ("BATON_BATCH_CLIENT_SECRET", self.batch_secret.expose().to_owned()),
            ("BATON_BATCH_ORDER_URL", self.fleet.url(Kind::Order)),
            ("BATON_BATCH_USER_URL", self.fleet.url(Kind::User)),
            ("BATON_BATCH_FILE_URL", self.fleet.url(Kind::File)),
            ("BATON_BATCH_OTLP_URL", self.collector.url().to_string()),
            ("BATON_BATCH_LOG", "error".to_owned()),
        ];
        let mut run = command("batch-service", &settings);
        run.args(["run", "order-exports"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.clock.on(&mut run);
        let mut run = Process::start(run);
        tokio::task::spawn_blocking(move || run.wait_with_output()).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hours_after_its_user_has_gone_an_export_is_made_in_his_name() {
    let night = Night::new().await;
    let kinds = [Kind::Auth, Kind::Order, Kind::File];
    let start = |kind| night.fleet.start_by(kind, |command| night.clock.on(command));
    let members = kinds.map(start).into();
    night.fleet.has_ready_of(&kinds, 1).await;
    let importer = night.fleet.client("importer").await;
    night.import(&importer).await;
    let mut visitor = Visitor::logged_in(&night.fleet.url(Kind::Auth), USER).await;
    let exports = format!("{}/api/orders/exports", night.fleet.url(Kind::Order));
    let asked = visitor.with_access().post_json(&exports, &json!({})).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    let url = format!("{exports}/{}", asked.body["data"]["id"].as_str().unwrap());
    night.clock.is_ahead(TWO_HOURS);
    let expired = visitor.with_access().get(&url).await;
    assert_eq!(expired.verdict(), (401, "A003"), "nobody is there any more: {}", expired.text);
    let (code, text) = night.run_batch().await;
    assert!(code == Some(0) && text.contains("1 exported"), "{code:?} {text}");
    let before = claims_of(&visitor.access);
    assert_eq!(visitor.refresh().await.status, 200, "he comes back");
    assert_eq!(claims_of(&visitor.access)["sid"], before["sid"], "in the same login");
    let export = visitor.with_access().get(&url).await.body["data"].clone();
    assert_eq!(export["state"], "DONE", "{export}");
    found_by_its_user(&night, &visitor, export["fileId"].as_str().unwrap()).await;
    linked(&night).await;
    night.people.stop().await;
    night.fleet.end(members).await;
    drop(night.folder);
}

/// It is his, and holds his orders and no others.
async fn found_by_its_user(night: &Night, visitor: &Visitor, id: &str) {
    let files = format!("{}/api/files", night.fleet.url(Kind::File));
    let file = visitor.with_access().get(&format!("{files}/{id}")).await;
    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    let lines: Vec<(String, String)> = reader
        .records()
        .map(|line| line.map(|line| (line[1].to_owned(), line[2].to_owned())).unwrap())
        .collect();
    let own = ["N-0", "N-2", "N-4"].map(|number| (number.to_owned(), USER.to_string()));
    assert_eq!(lines, own, "{}", file.text);
    let list = visitor.with_access().get(&files).await;
    let listed = list.body["data"]["files"].as_array().unwrap().clone();
    assert_eq!((listed.len(), &listed[0]["createdBy"]), (1, &json!(USER)), "{}", list.text);
}

/// What is done at night names the request of the day before, and is one trace up to the file.
async fn linked(night: &Night) {
    let asked =
        |step: &&Step| step.service == "order-service" && step.name == "POST /api/orders/exports";
    let done = |steps: &[Step]| {
        let asked = steps.iter().find(asked)?;
        let done = steps.iter().find(|step| step.link == asked.trace)?.clone();
        let uploaded = |step: &Step| step.trace == done.trace && step.service == "file-service";
        steps.iter().any(uploaded).then_some((asked.trace.clone(), done))
    };
    let steps = night.collector.steps_when("both ends", |steps| done(steps).is_some()).await;
    let (asked, done) = done(&steps).unwrap();
    assert_eq!(done.service, "batch-service");
    assert_ne!(done.trace, asked, "another night, another trace");
}
