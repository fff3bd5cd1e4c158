//! Who has written a file, and through whom.

use serde_json::{Value, json};
use shared::testing::TestIssuer;
use shared::{Algorithm, Jwks, Session, SystemClock};
use tests::caller::Caller;
use tests::store::Store;
use tests::system::{ALL_SCOPES, System};
use tests::tus::Tus;

use super::{bytes, caller};
use actix_web::{App, HttpResponse, HttpServer, web};

/// What a token says, and through whom the file has come.
const TABLE: [(&str, &str, &str, Option<&str>); 4] = [
    // A person's own token.
    ("2", "account-page", "null", None),
    // A program that has asked for a token on a person's behalf.
    ("order-service", "order-service", "null", Some("order-service")),
    // A program that has exchanged a person's token; and one that has exchanged another program's.
    ("2", "order-service", r#"{"sub":"order-service"}"#, Some("order-service")),
    ("2", "b", r#"{"sub":"b","act":{"sub":"a"}}"#, Some("b")),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_names_the_user_and_the_program_that_has_acted_for_him() {
    let issuer = TestIssuer::new(Algorithm::Es256, SystemClock::shared()).unwrap();
    let keys = Jwks { keys: vec![issuer.signer().public_key().clone()] };
    let keys = serde_json::to_string(&keys).unwrap();
    let server = HttpServer::new(move || {
        let keys = keys.clone();
        let show = move || std::future::ready(HttpResponse::Ok().body(keys.clone()));
        App::new().route("/.well-known/jwks.json", web::get().to(show))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.run());
    let issuer = issuer.named(&url);
    let system = System::start_with(|options| options.other_issuer = Some(url)).await;
    let files = system.services.file.url();
    for (sub, client, act, through) in TABLE {
        let session = Session::parse(r#"{"companyId":1,"userId":2}"#).unwrap();
        let mut claims = issuer.claims("file-service", ALL_SCOPES.parse().unwrap(), Some(session));
        (claims.sub, claims.client_id) = (sub.to_owned(), client.to_owned());
        claims.act = serde_json::from_str(act).unwrap();
        let caller = Caller::new(Some(issuer.sign(&claims).unwrap().expose().to_owned()));
        let key = format!("{sub}-{client}");
        let file = caller.upload(&files, ("a", &key), bytes(1)).await.body["data"].clone();
        let tus = Tus::new(&caller, &files);
        let path = tus.begin("b", 1).await;
        let sent = tus.send(&path, 0, bytes(1)).await;
        let url = format!("{files}/api/files/{}/metadata", sent.header("baton-file-id"));
        let resumed = caller.get(&url).await.body["data"].clone();
        for file in [file, resumed] {
            let seen = (&file["createdBy"], &file["createdThrough"]);
            assert_eq!(seen, (&json!(2), &json!(through)), "{sub} {client} {act}: {file}");
        }
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_company_sees_what_another_is_uploading() {
    let system = Store::Folder.system(&[]).await;
    let (files, one) = caller(&system).await;
    let other = system.caller("file-service", r#"{"companyId":2,"userId":2}"#).await;
    let (own, foreign) = (Tus::new(&one, &files), Tus::new(&other, &files));
    let path = own.begin("a", 10).await;
    assert_eq!(own.send(&path, 0, bytes(4)).await.status, 204);
    assert_eq!(foreign.head(&path).await.status, 404);
    assert_eq!(foreign.send(&path, 4, bytes(6)).await.verdict(), (404, "F001"));
    let delete = foreign.request(reqwest::Method::DELETE, &path);
    assert_eq!(tests::caller::send(delete).await.verdict(), (404, "F001"));
    assert_eq!(own.offset(&path).await, 4);
    let file = one.upload(&files, ("a", "k"), bytes(1)).await.body["data"].clone();
    let url = format!("{files}/api/files/{}", file["id"].as_str().unwrap());
    let answers = [
        other.get(&format!("{url}/metadata")).await,
        other.post_json(&format!("{url}/download-url"), &Value::Null).await,
    ];
    for answer in answers {
        assert_eq!(answer.verdict(), (404, "F001"));
    }
    system.stop().await;
}
