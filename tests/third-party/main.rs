//! Uploads 200 MB with somebody else's client, cuts it off three times, and compares what has come with what was sent.
//! `tests/third-party/tus` runs it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Method;
use tests::caller::Caller;
use tests::proxy::Proxy;
use tests::system::System;
use tests::tus::Tus;

const FILE_BYTES: usize = 200_000_000;

/// How a run of the client is to end.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The client is killed when it is so far.
    Kill(u64),
    /// Its connection is cut when it is so far.
    Connection(u64),
    Never,
}

const RUNS: [Cut; 4] =
    [Cut::Kill(40_000_000), Cut::Connection(90_000_000), Cut::Kill(150_000_000), Cut::Never];

/// The client, and what it uploads.
struct Upload<'a> {
    arguments: &'a [String],
    folder: &'a Path,
    proxy: &'a Proxy,
    token: &'a str,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let system = System::start_with(|options| {
        options.token_ttl_s = 3600;
        options.file_settings.push(("max_file_bytes", "300000000".to_owned()));
    })
    .await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let content: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(FILE_BYTES).collect();
    std::fs::write(folder.path().join("file"), &content).expect("there is room");
    let caller = system.caller("file-service", r#"{"companyId":1,"userId":2}"#).await;
    let proxy = Proxy::start(&system.services.file.address.to_string()).await;
    let (path, token) = (folder.path(), caller.token());
    let upload = Upload { arguments: &arguments, folder: path, proxy: &proxy, token };
    let url = upload.run_all();
    let same = match &url {
        Some(url) => is_what_was_sent(&caller, (&system.services.file.url(), url), &content).await,
        None => false,
    };
    system.stop().await;
    println!("{}", if same { "what has come is what was sent" } else { "it is not the same" });
    if same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn is_what_was_sent(caller: &Caller, (files, url): (&str, &str), content: &[u8]) -> bool {
    let path = url.find("/api/").map_or("", |start| &url[start..]);
    let tus = Tus::new(caller, files);
    let head = tus.head(path).await;
    let id = head.header("baton-file-id");
    let file = format!("{files}/api/files/{id}/metadata");
    let file = caller.get(&file).await.body["data"].clone();
    let sha256: String =
        digest(&SHA256, content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let got = tus.request(Method::GET, &format!("/api/files/{id}")).send().await;
    let got = got.expect("an answer").bytes().await.expect("a whole file");
    println!("{file}");
    got == content && file["sha256"] == sha256.as_str() && file["name"] == "third-party.bin"
}

impl Upload<'_> {
    /// Runs the client until it is through; gives the address of the upload.
    fn run_all(&self) -> Option<String> {
        let mut url = None;
        for cut in RUNS {
            println!("run that ends by {cut:?}");
            url = self.run(cut);
            self.proxy.mend();
        }
        url
    }

    fn run(&self, cut: Cut) -> Option<String> {
        let mut client = self.start();
        let lines = BufReader::new(client.stdout.take().expect("stdout is piped")).lines();
        let (mut url, mut last) = (None, 0);
        for line in lines.map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("at", offset)) => last = offset.parse().expect("an offset"),
                Some(("done", address)) => url = Some(address.to_owned()),
                _ => {}
            }
            match cut {
                Cut::Kill(from) if last >= from => client.kill().expect("it is killed"),
                Cut::Connection(from) if last >= from => self.proxy.cut(),
                _ => {}
            }
        }
        let status = client.wait().expect("it ends");
        println!("ended at {last}: {status}");
        assert!(matches!(cut, Cut::Never) == status.success(), "{cut:?}");
        url
    }

    fn start(&self) -> Child {
        let (python, script) = (&self.arguments[0], &self.arguments[1]);
        Command::new(python)
            .arg(script)
            .arg(format!("http://{}/api/files/uploads", self.proxy.address))
            .arg(self.token)
            .args([self.folder.join("file"), self.folder.join("state")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client starts")
    }
}
