//! A file in a form, as a browser sends it.

use reqwest::Method;
use tests::caller::{Answer, Caller, send};
use tests::store::Store;
use tests::system::System;

use super::{caller, picture, used};

async fn post(caller: &Caller, files: &str, body: Vec<u8>) -> Answer {
    let request = caller.request(Method::POST, &format!("{files}/api/files"));
    let request = request.header("Content-Type", "multipart/form-data; boundary=X");
    send(request.body(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_form_is_a_file_like_any_other() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let body = picture(7_000_000);
        let head = "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"정산 7월.csv\"\r\n\
                    Content-Type: text/csv\r\n\r\n";
        let form = [head.as_bytes(), &body, b"\r\n--X--\r\n"].concat();
        let answer = post(&caller, &files, form).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let file = &answer.body["data"];
        // What it is its bytes say, not the form.
        assert_eq!(
            (&file["name"], &file["contentType"]),
            (&"정산 7월.csv".into(), &"image/png".into())
        );
        let url = format!("{files}/api/files/{}", file["id"].as_str().unwrap());
        let content = caller.request(Method::GET, &url).send().await.unwrap();
        assert!(content.bytes().await.unwrap() == body);
        assert_eq!(used(&system, &caller).await, body.len() as u64);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_one_file_to_its_end_keeps_nothing() {
    let system = System::start().await;
    let (files, caller) = caller(&system).await;
    let head = "--X\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\n";
    // The SHA-256 of "hello", and of nothing.
    let digest = "Content-Digest: sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:\n";
    let wrong = "Content-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\n";
    let second = "--X\nContent-Disposition: form-data; name=\"b\"\n\nmore\n--X--\n";
    let table = [
        (format!("{head}\nhello"), (400, "C002")),
        (format!("{head}\nhello\n--X"), (400, "C001")),
        (format!("{head}\nhello\n{second}"), (400, "C001")),
        (format!("{head}{wrong}\nhello\n--X--\n"), (422, "F003")),
        (head.replace("a.txt", "../a") + "\nhello\n--X--\n", (400, "C001")),
        (head.replace("name=\"file\"", "name=\"other\"") + "\nhello\n--X--\n", (400, "C001")),
        (head.replace("; filename=\"a.txt\"", "") + "\nhello\n--X--\n", (400, "C001")),
        (head.replace("form-data", "attachment") + "\nhello\n--X--\n", (400, "C001")),
        (String::new(), (400, "C002")),
        ("--X--\n".to_owned(), (400, "C001")),
    ];
    for (body, verdict) in &table {
        let answer = post(&caller, &files, body.replace('\n', "\r\n").into_bytes()).await;
        assert_eq!(answer.verdict(), *verdict, "{body:?}: {}", answer.text);
        assert_eq!(
            (Store::Folder.count(&system), used(&system, &caller).await),
            (0, 0),
            "{body:?}"
        );
    }
    let good = format!("{head}{digest}\nhello\n--X--\n").replace('\n', "\r\n");
    let good = post(&caller, &files, good.into_bytes()).await;
    assert_eq!((good.status, &good.body["data"]["sizeBytes"]), (201, &5.into()), "{}", good.text);
    system.stop().await;
}
