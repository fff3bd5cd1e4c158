//! kill -9 in the middle of the batch: what is left is said exactly, and a second run does it.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tests::backend::Backend;
use tests::caller::Caller;
use tests::process::{Process, command, free_ports, is_ready, run, wait_until};

/// All services as processes of their own, at addresses that stay the same when one is started again.
struct Cluster {
    folder: tempfile::TempDir,
    backend: Backend,
    ports: [u16; 8],
    secret: String,
}

const AUTH: usize = 0;
const USER: usize = 1;
const ORDER: usize = 2;
const FILE: usize = 3;
const NAMES: [&str; 4] = ["auth", "user", "order", "file"];
const SETTLE: [&str; 4] = ["run", "settle-orders", "--window", "2026-07-17"];

impl Cluster {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::new(folder.path()).await;
        let ports = free_ports();
        let mut cluster = Self { folder, backend, ports, secret: String::new() };
        let key = cluster.path("master.key");
        assert!(run("auth-service", &["master-key", &key], &[]).status.success());
        cluster.secret = cluster.create_client();
        cluster
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn url(&self, place: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[place])
    }

    fn settings(&self, place: usize) -> Vec<(&'static str, String)> {
        let databases = &self.backend.databases;
        let listen = format!("127.0.0.1:{}", self.ports[place]);
        let management = format!("127.0.0.1:{}", self.ports[place + 4]);
        let (issuer, keys) = (self.url(AUTH), format!("{}/.well-known/jwks.json", self.url(AUTH)));
        match place {
            AUTH => vec![
                ("BATON_AUTH_DATABASE_URL", databases.auth.clone()),
                ("BATON_AUTH_MASTER_KEY_FILE", self.path("master.key")),
                ("BATON_AUTH_LISTEN", listen),
                ("BATON_AUTH_MANAGEMENT_LISTEN", management),
                ("BATON_AUTH_LOG", "warn".to_owned()),
            ],
            USER => vec![
                ("BATON_USER_DATABASE_URL", databases.user.clone()),
                ("BATON_USER_LISTEN", listen),
                ("BATON_USER_MANAGEMENT_LISTEN", management),
                ("BATON_USER_ISSUER", issuer),
                ("BATON_USER_JWKS_URL", keys),
                ("BATON_USER_LOG", "error".to_owned()),
            ],
            ORDER => vec![
                ("BATON_ORDER_DATABASE_URL", databases.order.clone()),
                ("BATON_ORDER_CACHE_URL", self.backend.cache_url.clone()),
                ("BATON_ORDER_LISTEN", listen),
                ("BATON_ORDER_MANAGEMENT_LISTEN", management),
                ("BATON_ORDER_ISSUER", issuer),
                ("BATON_ORDER_JWKS_URL", keys),
                ("BATON_ORDER_LOG", "error".to_owned()),
            ],
            _ => vec![
                ("BATON_FILE_DATABASE_URL", databases.file.clone()),
                ("BATON_FILE_STORAGE_URL", format!("file://{}", self.path("files"))),
                ("BATON_FILE_LISTEN", listen),
                ("BATON_FILE_MANAGEMENT_LISTEN", management),
                ("BATON_FILE_ISSUER", issuer),
                ("BATON_FILE_JWKS_URL", keys),
                ("BATON_FILE_LOG", "error".to_owned()),
            ],
        }
    }

    fn batch_settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("BATON_BATCH_DATABASE_URL", self.backend.databases.batch.clone()),
            ("BATON_BATCH_TOKEN_URL", format!("{}/oauth2/token", self.url(AUTH))),
            ("BATON_BATCH_CLIENT_SECRET", self.secret.clone()),
            ("BATON_BATCH_ORDER_URL", self.url(ORDER)),
            ("BATON_BATCH_USER_URL", self.url(USER)),
            ("BATON_BATCH_FILE_URL", self.url(FILE)),
            ("BATON_BATCH_LEASE_S", "1".to_owned()),
            ("BATON_BATCH_PATIENCE_S", "3".to_owned()),
            ("BATON_BATCH_LOG", "error".to_owned()),
        ]
    }

    fn create_client(&self) -> String {
        let arguments = [
            "client",
            "create",
            "batch-service",
            "--scope",
            tests::system::ALL_SCOPES,
            "--resource",
            "order-service",
            "--resource",
            "user-service",
            "--resource",
            "file-service",
            "--session-policy",
            "assert:any",
        ];
        let output = run("auth-service", &arguments, &self.settings(AUTH));
        let text = String::from_utf8(output.stdout).unwrap();
        let secret = text.lines().find_map(|line| line.strip_prefix("secret: "));
        secret.expect("the secret").split(' ').next().unwrap().to_owned()
    }

    fn start(&self, place: usize) -> Process {
        let name = format!("{}-service", NAMES[place]);
        let process = Process::start(command(&name, &self.settings(place)));
        let port = self.ports[place + 4];
        wait_until(&name, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        process
    }

    fn start_all(&self) -> [Process; 4] {
        std::array::from_fn(|place| self.start(place))
    }

    fn import_sample(&self) {
        let sample =
            concat!("file=", env!("CARGO_MANIFEST_DIR"), "/../deploy/standalone/sample/orders.csv");
        let output =
            run("batch-service", &["run", "import-orders", sample], &self.batch_settings());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A run of the batch that has settled orders and is going on.
    async fn settle_some(&self) -> Process {
        let before = self.count_settled().await;
        let mut batch = command("batch-service", &self.batch_settings());
        batch.args(SETTLE).stdout(Stdio::piped()).stderr(Stdio::null());
        let batch = Process::start(batch);
        let began = Instant::now();
        while self.count_settled().await < before + 20 {
            assert!(began.elapsed() < Duration::from_secs(30), "the batch settles orders");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        batch
    }

    /// Of one company, up to 200.
    async fn count_settled(&self) -> usize {
        let caller = self.caller("order-service", 300).await;
        let url = format!("{}/api/orders?status=SETTLED&limit=200", self.url(ORDER));
        caller.get(&url).await.body["data"]["orders"].as_array().expect("orders").len()
    }

    fn settle(&self) -> (Option<i32>, String) {
        let output = run("batch-service", &SETTLE, &self.batch_settings());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    async fn caller(&self, service: &str, company: i64) -> Caller {
        let session = format!(r#"{{"companyId":{company},"userId":1}}"#);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "batch-service"),
            ("client_secret", &self.secret),
            ("resource", service),
            ("session", &session),
        ];
        let url = format!("{}/oauth2/token", self.url(AUTH));
        let answer = Caller::new(None).post_form(&url, &form).await;
        Caller::new(Some(answer.body["access_token"].as_str().unwrap().to_owned()))
    }

    async fn check_every_order_is_settled_once(&self) {
        let mut orders = 0;
        for company in [100, 200, 300, 400, 500] {
            let caller = self.caller("order-service", company).await;
            let settled = crate::main_job::settled_orders(&caller, &self.url(ORDER)).await;
            let caller = self.caller("file-service", company).await;
            let mut numbers = crate::main_job::numbers_on_statement(&caller, &self.url(FILE)).await;
            let mut settled: Vec<String> = settled;
            settled.sort();
            numbers.sort();
            assert_eq!(settled, numbers, "company {company}");
            orders += numbers.len();
        }
        assert_eq!(orders, 2_400);
        assert_eq!(stored_objects(&self.folder.path().join("files")), 5);
    }

    async fn end(self, processes: [Process; 4]) {
        drop(processes);
        self.backend.drop_databases().await;
    }
}

fn stored_objects(folder: &Path) -> usize {
    let companies = std::fs::read_dir(folder).unwrap().flatten();
    companies.map(|company| std::fs::read_dir(company.path()).unwrap().count()).sum()
}

/// Its tokens were fetched ahead, and the services know its keys.
#[tokio::test(flavor = "multi_thread")]
async fn auth_service_killed_in_the_middle_does_not_stop_the_batch() {
    let cluster = Cluster::new().await;
    let mut services = cluster.start_all();
    cluster.import_sample();
    // Until then it has had nothing to verify.
    let caller = cluster.caller("file-service", 100).await;
    assert_eq!(caller.get(&format!("{}/api/session", cluster.url(FILE))).await.status, 200);
    let mut batch = cluster.settle_some().await;
    services[AUTH].kill();
    let (code, report) = batch.wait_with_output();
    assert_eq!(code, Some(0), "{report}");
    services[AUTH] = cluster.start(AUTH);
    cluster.check_every_order_is_settled_once().await;
    cluster.end(services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_service_killed_in_the_middle_leaves_what_a_second_run_completes() {
    let cluster = Cluster::new().await;
    let mut services = cluster.start_all();
    cluster.import_sample();
    let mut batch = cluster.settle_some().await;
    services[ORDER].kill();
    let (code, report) = batch.wait_with_output();
    assert_eq!(code, Some(75), "{report}");
    assert!(report.contains("order-service: no answer"), "{report}");
    services[ORDER] = cluster.start(ORDER);
    let (code, report) = cluster.settle();
    assert_eq!(code, Some(0), "{report}");
    cluster.check_every_order_is_settled_once().await;
    let (code, report) = cluster.settle();
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("already complete"), "{report}");
    cluster.end(services).await;
}

/// One that is started again in time is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn order_service_killed_and_started_again_is_gone_on_with_by_the_same_run() {
    let cluster = Cluster::new().await;
    let mut services = cluster.start_all();
    cluster.import_sample();
    let mut batch = cluster.settle_some().await;
    services[ORDER].kill();
    services[ORDER] = cluster.start(ORDER);
    let (code, report) = batch.wait_with_output();
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("2400 items, 2400 settled"), "{report}");
    cluster.check_every_order_is_settled_once().await;
    cluster.end(services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_batch_itself_killed_in_the_middle_is_gone_on_with() {
    let cluster = Cluster::new().await;
    let services = cluster.start_all();
    cluster.import_sample();
    for _ in 0..3 {
        cluster.settle_some().await.kill();
    }
    let (code, report) = cluster.settle();
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("2400 items, 2400 settled"), "{report}");
    cluster.check_every_order_is_settled_once().await;
    cluster.end(services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_go_on_verifying_while_auth_service_is_dead() {
    let cluster = Cluster::new().await;
    let mut services = cluster.start_all();
    let caller = cluster.caller("order-service", 100).await;
    let url = format!("{}/api/session", cluster.url(ORDER));
    // It listens before it is ready.
    is_ready(&format!("http://127.0.0.1:{}/readyz", cluster.ports[ORDER + 4])).await;
    assert_eq!(caller.get(&url).await.status, 200);
    services[AUTH].kill();
    for _ in 0..50 {
        assert_eq!(caller.get(&url).await.status, 200);
    }
    // One that has never seen the keys cannot know, and says so.
    let other = cluster.caller_with(&caller, FILE).await;
    assert_eq!(other, (503, "C008".to_owned()));
    cluster.end(services).await;
}

impl Cluster {
    async fn caller_with(&self, caller: &Caller, place: usize) -> (u16, String) {
        let answer = caller.get(&format!("{}/api/session", self.url(place))).await;
        let (status, code) = answer.verdict();
        assert!(!answer.header("retry-after").is_empty());
        (status, code.to_owned())
    }
}
