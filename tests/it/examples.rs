//! The examples of `shared` and batch-service, run as their READMEs say.

use std::process::{Command, Stdio};

use serde_json::json;
use standalone::settlement::demo_client;
use tests::batch_process::{Batch, pay_orders};
use tests::caller::Caller;
use tests::process::{Process, example};
use tests::system::System;

/// A running example service, and where it is.
struct Service {
    _process: Process,
    url: String,
}

impl Service {
    fn start(name: &str, auth: &str) -> Self {
        let mut command = Command::new(example(name));
        command.args([auth, "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Process::start(command);
        let line = process.first_line();
        let url = line.split("  ").next().unwrap().to_owned();
        Self { _process: process, url }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_calls_either_service_on_behalf_of_two_users() {
    let system = System::start().await;
    let secret = system.services.register(&demo_client().unwrap()).await.unwrap();
    let auth = system.services.auth.url();
    for name in ["minimal_service", "axum_service"] {
        let service = Service::start(name, &auth);
        let client = Command::new(example("minimal_client"))
            .args([secret.expose(), &auth, &service.url])
            .output()
            .unwrap();
        let printed = String::from_utf8(client.stdout).unwrap();
        let of_user = |user: usize| {
            let seen = format!("the service sees {}\n", json!({"companyId": 100, "userId": user}));
            seen.repeat(3) + "settled for company 100\n"
        };
        let expected = format!("{}{}8 calls, 2 tokens fetched\n", of_user(1), of_user(2));
        assert_eq!(printed, expected, "{name}: {}", String::from_utf8_lossy(&client.stderr));
        let stranger = Caller::new(None);
        assert_eq!(stranger.get(&format!("{}/hello", service.url)).await.status, 200);
        let refused = stranger.get(&format!("{}/whoami", service.url)).await;
        assert_eq!(refused.verdict(), (401, "A001"), "{name}");
    }
    system.stop().await;
}

#[test]
fn the_client_says_what_it_needs() {
    let client = Command::new(example("minimal_client")).output().unwrap();
    assert!(!client.status.success());
    assert!(String::from_utf8_lossy(&client.stderr).contains("the secret of the client `demo`"));
}

/// A job by somebody else, in a file of 40 lines: on the runner, with its commands.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_somebodys_own_is_one_file_which_the_readme_shows() {
    let text = include_str!("../../batch-service/examples/recall_product.rs");
    let (job, program) = text.split_once("\n#[tokio::main]").unwrap();
    assert_eq!(job.trim_end().lines().count(), 40);
    let readme = include_str!("../../batch-service/README.md");
    assert!(readme.contains(job.trim_end()) && readme.contains(program.trim_end()));
    let system = System::start().await;
    let day = "2026-07-17";
    pay_orders(&system, &[100, 200], (day, 5)).await;
    let batch = Batch::of(&system).await;
    let run = |product: &str| {
        let product = format!("product={product}");
        batch.run_by("recall_product", &["run", "recall-product", &product, "--window", day])
    };
    assert_eq!(run("pencil").count("cancelled"), 0);
    let recalled = run("pen");
    assert_eq!((recalled.code, recalled.count("cancelled")), (Some(0), 10), "{recalled:?}");
    assert!(batch.run_by("recall_product", &["list"]).text.contains("recall-product"));
    assert_eq!(batch.settle(day).count("settled"), 0);
    system.stop().await;
}
