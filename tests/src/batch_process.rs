//! [`Batch`]: batch-service as a process beside a [`System`], on a database of its own.

use std::path::Path;
use std::process::{Output, Stdio};

use auth_service::domain::purpose::Purpose;
use batch_service::jobs::order_exports;
use serde_json::{Value, json};
use standalone::services::exports_taken_over;
use standalone::settlement::client_for_all_companies;

use crate::caller::Caller;
use crate::process::{self, Process, command, command_of};
use crate::system::{ALL_SCOPES, System};
use crate::{known_secrets, logs};

/// Where batch-service is to look for what, and how it behaves.
#[derive(Clone)]
pub struct Batch {
    settings: Vec<(&'static str, String)>,
}

impl Batch {
    /// It works with this system.
    pub async fn of(system: &System) -> Self {
        let mut client = client_for_all_companies("batch-service", ALL_SCOPES).expect("a client");
        let purpose = Purpose::parse(order_exports::NAME).expect("a purpose");
        client.takes_over.insert(purpose, exports_taken_over().expect("constants"));
        let secret = system.services.register(&client).await.expect("it is registered");
        known_secrets::note(secret.expose());
        let settings = vec![
            ("BATON_BATCH_DATABASE_URL", system.options.databases.batch.clone()),
            ("BATON_BATCH_TOKEN_URL", system.token_url()),
            ("BATON_BATCH_CLIENT_SECRET", secret.expose().to_owned()),
            ("BATON_BATCH_ORDER_URL", system.services.order.url()),
            ("BATON_BATCH_USER_URL", system.services.user.url()),
            ("BATON_BATCH_FILE_URL", system.services.file.url()),
            ("BATON_BATCH_LEASE_S", "1".to_owned()),
            ("BATON_BATCH_LOG", "error".to_owned()),
        ];
        Self { settings }
    }

    /// The same with this setting.
    #[must_use]
    pub fn with(&self, variable: &'static str, value: impl ToString) -> Self {
        let mut settings = self.settings.clone();
        settings.retain(|(name, _)| *name != variable);
        settings.push((variable, value.to_string()));
        Self { settings }
    }

    /// The value of a setting.
    pub fn setting(&self, variable: &str) -> &str {
        let found = self.settings.iter().find(|(name, _)| *name == variable);
        &found.expect("it is set").1
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let output = command("batch-service", &self.settings).args(arguments).output();
        Ended::of(&output.expect("it runs"))
    }

    /// The same by another program.
    pub fn run_by(&self, example: &str, arguments: &[&str]) -> Ended {
        let output = command_of(process::example(example), &self.settings).args(arguments).output();
        Ended::of(&output.expect("it runs"))
    }

    /// Starts a command; what it says can be read.
    pub fn start(&self, arguments: &[&str]) -> Process {
        let mut command = command("batch-service", &self.settings);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        Process::start(command)
    }

    /// Starts a run of settle-orders that goes up to the `count`-th time of a place and waits there. None: it has ended before it
    /// came so far.
    pub fn hold_at(&self, place: &str, count: u32, day: &str) -> Option<Process> {
        let held = self.with("BATON_BATCH_HOLD_AT", format!("{place}:{count}"));
        let mut process = held.start(&["run", "settle-orders", "--window", day]);
        process.wait_for_line(is_held).then_some(process)
    }

    /// Settles what was paid on a day.
    pub fn settle(&self, day: &str) -> Ended {
        self.run(&["run", "settle-orders", "--window", day])
    }
}

fn is_held(line: &str) -> bool {
    let event: Value = serde_json::from_str(line).unwrap_or(Value::Null);
    event["event"] == "held"
}

/// How a command has ended, and what it has said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub text: String,
    pub errors: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code();
        let (out, errors) = (text(&output.stdout), text(&output.stderr));
        logs::keep_said(&errors);
        Self { code, text: out, errors }
    }

    /// How often something was counted under this name: `36 settled`.
    pub fn count(&self, name: &str) -> u64 {
        let words: Vec<&str> = self.text.split([' ', ',', '\n']).collect();
        let pairs = words.windows(2);
        let counts = pairs.filter(|pair| pair[1] == name);
        counts.filter_map(|pair| pair[0].parse().ok()).next().unwrap_or_default()
    }
}

/// Orders of these companies, paid on a day, so many of each.
pub async fn pay_orders(system: &System, companies: &[i64], (day, count): (&str, usize)) {
    for company in companies {
        let session = json!({"companyId": company, "userId": 1}).to_string();
        let caller = system.caller("order-service", &session).await;
        let order = |number: usize| {
            json!({"orderNo": format!("{day}-{number:04}"), "userId": 1, "product": "pen", "quantity": 1,
                   "unitPriceMinor": 100, "currency": "KRW", "paidAt": format!("{day}T10:00:00Z")})
        };
        let orders: Vec<Value> = (0..count).map(order).collect();
        let url = format!("{}/internal/orders/import", system.services.order.url());
        let answer = caller.post_json(&url, &json!({ "orders": orders })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// Every order of these companies paid on a day is settled, and stands on exactly one file; there is one file for each company.
pub async fn check_settled_once(system: &System, companies: &[i64], (day, count): (&str, usize)) {
    for company in companies {
        let session = json!({"companyId": company, "userId": 1}).to_string();
        let orders = system.caller("order-service", &session).await;
        let url = system.services.order.url();
        let page = orders.get(&format!("{url}/api/orders?paidOn={day}&limit=200")).await;
        let page = page.body["data"]["orders"].as_array().expect("orders").clone();
        let settled = page.iter().filter(|order| order["status"] == "SETTLED").count();
        assert_eq!((page.len(), settled), (count, count), "company {company}");
        let files = system.caller("file-service", &session).await;
        let url = system.services.file.url();
        let all = list_files(&files, &url).await;
        let name = format!("settlement-{day}");
        let mut found = all.iter().filter(|file| file["name"].as_str().unwrap().starts_with(&name));
        let file = found.next().expect("a statement");
        assert!(found.next().is_none(), "one statement of company {company}");
        let text = files.get(&format!("{url}/api/files/{}", file["id"].as_str().unwrap())).await;
        let lines = text.text.lines().filter(|line| line.starts_with(day)).count();
        assert_eq!(lines, count, "company {company}: {}", text.text);
    }
}

/// All files of a company, page by page.
async fn list_files(caller: &Caller, url: &str) -> Vec<Value> {
    let (mut files, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("{url}/api/files?limit=200{cursor}")).await.body;
        files.extend(page["data"]["files"].as_array().expect("files").clone());
        match page["data"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return files,
        }
    }
}

/// The path of a file with this text.
pub fn file_with(folder: &Path, text: &str) -> String {
    let path = folder.join("orders.csv");
    std::fs::write(&path, text).expect("it is written");
    path.display().to_string()
}
