//! Readers who are slow, who hang up, and whose file is cut under their hands.

use std::time::Duration;

use tests::process::wait_until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Files, content};

/// More than both ends of a connection hold on their way.
const SIZE: usize = 16 << 20;
const READERS: usize = 100;

/// Somebody who has asked for the file and has read a little of the answer.
async fn reader(files: &Files, url: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut stream = socket.connect(files.system.services.file.address).await.unwrap();
    let path = &url[url.find("/api").unwrap()..];
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        files.caller.token()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    stream
}

fn open_objects() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let targets = links.filter_map(|link| std::fs::read_link(link.path()).ok());
    targets.filter(|target| target.to_string_lossy().contains("readers-who-hang-up")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_who_are_slow_hold_up_nobody_and_get_it_all_in_the_end() {
    let files = Files::start().await;
    let body = content(SIZE);
    let url = files.upload("application/octet-stream", body.clone()).await;
    let mut slow = Vec::new();
    for _ in 0..READERS {
        slow.push(reader(&files, &url).await);
    }
    let request = files.request(reqwest::Method::GET, &url, &[]);
    let quick = tokio::time::timeout(Duration::from_secs(30), request.send()).await.unwrap();
    assert!(quick.unwrap().bytes().await.unwrap() == body);
    let mut last = slow.pop().unwrap();
    drop(slow);
    let mut answer = Vec::new();
    last.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&body));
    files.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_while_it_is_read_ends_the_connection() {
    let files = Files::start().await;
    let url = files.upload("application/octet-stream", content(SIZE)).await;
    let mut stream = reader(&files, &url).await;
    let object = std::fs::OpenOptions::new().write(true).open(files.object(&url)).unwrap();
    object.set_len(SIZE as u64 / 2).unwrap();
    let mut answer = Vec::new();
    // A reset or an end, as the system likes.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.len() < SIZE / 2 + 10_000, "{}", answer.len());
    files.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_hangs_up_leaves_no_file_open() {
    let files = Files::start().await;
    let url = files.upload("application/octet-stream", content(SIZE)).await;
    // Named, so that other tests of this process do not count.
    let kept = files.object(&url);
    let named = kept.with_file_name("readers-who-hang-up");
    std::fs::rename(&kept, &named).unwrap();
    std::os::unix::fs::symlink(&named, &kept).unwrap();
    let stream = reader(&files, &url).await;
    wait_until("the file is open", || open_objects() == 1);
    drop(stream);
    wait_until("the file is closed", || open_objects() == 0);
    files.system.stop().await;
}
