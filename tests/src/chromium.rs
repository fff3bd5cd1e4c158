//! [`Chromium`]: a headless browser, driven by WebDriver (W3C) through Debian's chromedriver. Each is a device of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Process, free_port};

/// How long something on a page may take to appear.
const PATIENCE: Duration = Duration::from_secs(15);
/// The name under which WebDriver gives an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub struct Chromium {
    http: Client,
    session: String,
    _driver: Process,
    _profile: TempDir,
}

/// Width and height of a desktop's window, and of a phone's.
pub const DESKTOP: (u32, u32) = (1000, 900);
pub const PHONE: (u32, u32) = (360, 740);

impl Chromium {
    /// One that prefers this language.
    pub async fn start(language: &str, (width, height): (u32, u32)) -> Self {
        let (port, profile) = (free_port(), tempfile::tempdir().expect("a folder"));
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        // It leaves a folder behind whenever it is ended; there it goes with the rest.
        command.env("TMPDIR", profile.path());
        let driver = Process::start(command);
        let http = Client::builder().no_proxy().build().expect("a client");
        let root = format!("http://127.0.0.1:{port}");
        let options = options(profile.path(), language, (width, height));
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let session = new_session(&http, &root, &wanted).await;
        Self {
            http,
            session: format!("{root}/session/{session}"),
            _driver: driver,
            _profile: profile,
        }
    }

    async fn say(&self, method: Method, path: &str, body: Value) -> Result<Value, Value> {
        let request = self.http.request(method.clone(), format!("{}/{path}", self.session));
        let request = if method == Method::POST { request.json(&body) } else { request };
        let answer = request.send().await.expect("chromedriver answers");
        let good = answer.status().is_success();
        let value = answer.json::<Value>().await.expect("JSON")["value"].take();
        if good { Ok(value) } else { Err(value) }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.say(Method::POST, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub async fn open(&self, url: &str) {
        self.post("url", json!({ "url": url })).await;
    }

    pub async fn reload(&self) {
        self.post("refresh", json!({})).await;
    }

    pub async fn url(&self) -> String {
        let url = self.say(Method::GET, "url", Value::Null).await.expect("a URL");
        url.as_str().expect("text").to_owned()
    }

    /// What a script on the page gives.
    pub async fn run(&self, script: &str) -> Value {
        self.post("execute/sync", json!({"script": script, "args": []})).await
    }

    async fn find(&self, selector: &str) -> Option<String> {
        let asked = json!({"using": "css selector", "value": selector});
        let element = self.say(Method::POST, "element", asked).await.ok()?;
        let id = element[ELEMENT].as_str()?.to_owned();
        let shown = self.say(Method::GET, &format!("element/{id}/displayed"), Value::Null).await;
        (shown == Ok(Value::Bool(true))).then_some(id)
    }

    /// The element, as soon as it can be seen.
    async fn see(&self, selector: &str) -> String {
        let began = Instant::now();
        loop {
            if let Some(id) = self.find(selector).await {
                return id;
            }
            if began.elapsed() > PATIENCE {
                panic!("{selector} is not to be seen:\n{}", self.text("body").await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until this can be seen.
    pub async fn wait_for(&self, selector: &str) {
        self.see(selector).await;
    }

    pub async fn click(&self, selector: &str) {
        let id = self.see(selector).await;
        self.post(&format!("element/{id}/click"), json!({})).await;
    }

    /// Types into a field that can be seen.
    pub async fn fill(&self, selector: &str, text: &str) {
        let id = self.see(selector).await;
        self.post(&format!("element/{id}/clear"), json!({})).await;
        self.post(&format!("element/{id}/value"), json!({ "text": text })).await;
    }

    /// What can be read there.
    pub async fn text(&self, selector: &str) -> String {
        let asked = json!({"using": "css selector", "value": selector});
        let Ok(element) = self.say(Method::POST, "element", asked).await else {
            return String::new();
        };
        let id = element[ELEMENT].as_str().expect("an element");
        let text = self.say(Method::GET, &format!("element/{id}/text"), Value::Null).await;
        text.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Waits until this can be read there.
    pub async fn wait_for_text(&self, selector: &str, wanted: &str) {
        let began = Instant::now();
        loop {
            let text = self.text(selector).await;
            if text.contains(wanted) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{wanted} in {selector}, which says: {text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Presses keys, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            let key = key.to_string();
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        });
        let strokes: Vec<Value> = strokes.collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.post("actions", json!({ "actions": [keyboard] })).await;
    }

    /// What the page has complained of, but for answers of 4xx.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", json!({"type": "browser"})).await;
        let lines = log.as_array().expect("a list").iter();
        let lines = lines.filter_map(|line| line["message"].as_str());
        lines
            .filter(|line| !line.contains("the server responded with a status of 4"))
            .map(str::to_owned)
            .collect()
    }

    /// What pages have asked for since this was asked last, or since it began; those that the browser itself is made of aside.
    pub async fn requests(&self) -> Vec<String> {
        let log = self.post("se/log", json!({"type": "performance"})).await;
        let entries = log.as_array().expect("a list").iter().map(|entry| &entry["message"]);
        let entries = entries.filter_map(|text| serde_json::from_str(text.as_str()?).ok());
        let entries =
            entries.filter(|own: &Value| own["message"]["method"] == "Network.requestWillBeSent");
        let asked = entries.map(|own| own["message"]["params"].clone());
        let asked = asked.filter(|asked| !is_of_the_browser(&asked["documentURL"]));
        let urls = asked.map(|asked| asked["request"]["url"].clone());
        urls.filter_map(|url| url.as_str().map(str::to_owned)).collect()
    }

    /// A picture of the page, kept as output of the tests.
    pub async fn screenshot(&self, name: &str) {
        let picture = self.say(Method::GET, "screenshot", Value::Null).await.expect("a picture");
        let bytes = STANDARD.decode(picture.as_str().expect("text")).expect("base64");
        let folder = screenshots();
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("it is written");
    }
}

fn is_of_the_browser(document: &Value) -> bool {
    document.as_str().is_some_and(|document| document.starts_with("chrome:"))
}

/// Where pictures are kept.
pub fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots")
}

fn options(profile: &Path, language: &str, (width, height): (u32, u32)) -> Value {
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments.push(format!("--accept-lang={language}"));
    arguments.push(format!("--window-size={width},{height}"));
    let mut options = json!({ "args": arguments });
    if (width, height) == PHONE {
        // A window cannot be as narrow.
        let metrics = json!({"width": width, "height": height, "pixelRatio": 2});
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    options
}

/// The driver takes a moment to listen, and the browser to start.
async fn new_session(http: &Client, root: &str, wanted: &Value) -> String {
    let began = Instant::now();
    loop {
        let answer = http.post(format!("{root}/session")).json(wanted).send().await;
        let value = match answer {
            Ok(answer) => answer.json::<Value>().await.expect("JSON")["value"].take(),
            Err(error) => json!({ "message": error.to_string() }),
        };
        if let Some(id) = value["sessionId"].as_str() {
            return id.to_owned();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "a browser starts: {value}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
