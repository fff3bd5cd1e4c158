//! [`S3`]: a store that speaks S3, on a folder, and can be told to refuse.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const BUCKET: &str = "files";
const ACCESS_KEY: &str = "test-key";
const SECRET_KEY: &str = "test-secret";

pub struct S3 {
    pub address: SocketAddr,
    folder: TempDir,
    refuses: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl S3 {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("a bucket");
        let files = FileSystem::new(folder.path()).expect("a store");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let refuses = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(listen(listener, builder.build(), Arc::clone(&refuses)));
        Self { address, folder, refuses, task }
    }

    /// What file-service has to know of it; it may be asked at another address, for example a proxy's.
    pub fn settings(&self, address: SocketAddr) -> Vec<(&'static str, String)> {
        vec![
            ("storage_url", format!("s3://{BUCKET}/some/prefix")),
            ("s3_endpoint", format!("http://{address}")),
            ("s3_access_key", ACCESS_KEY.to_owned()),
            ("s3_secret_key", SECRET_KEY.to_owned()),
        ]
    }

    /// Whether it answers everything 503 from now on.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// How many objects there are.
    pub fn count(&self) -> usize {
        count(&self.folder.path().join(BUCKET), &|name| !name.starts_with('.'))
    }

    /// How many parts there are of objects that are neither finished nor aborted.
    pub fn parts(&self) -> usize {
        count(self.folder.path(), &|name| name.starts_with(".upload_id"))
    }

    /// How many uploads in parts are neither finished nor aborted, and how many of their parts are there.
    pub fn unfinished(&self) -> usize {
        count(self.folder.path(), &|name| name.starts_with(".upload"))
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, service: S3Service, refuses: Arc<AtomicBool>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, service.clone(), Arc::clone(&refuses)));
    }
}

async fn serve(socket: TcpStream, service: S3Service, refuses: Arc<AtomicBool>) {
    let answer = service_fn(|request: Request<Incoming>| {
        let (service, refuses) = (service.clone(), refuses.load(Ordering::SeqCst));
        async move {
            let done =
                if refuses { None } else { service.call(request.map(Body::from)).await.ok() };
            Ok::<_, Infallible>(done.unwrap_or_else(unavailable))
        }
    });
    // How a connection ends interests the client.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
}

fn unavailable() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// The files in this folder and below whose names this says yes to.
pub(crate) fn count(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            if entry.path().is_dir() {
                return count(&entry.path(), wanted);
            }
            usize::from(wanted(&entry.file_name().to_string_lossy()))
        })
        .sum()
}
