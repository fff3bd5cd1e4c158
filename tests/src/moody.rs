//! [`Moody`]: stands in front of a service and answers some requests itself: too many, broken, nonsense, or not at all.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It goes on to the service.
    Fine,
    /// It does, and its answer is lost.
    Lost,
    /// It does, so many milliseconds later.
    Slow(u64),
    /// This status, with `Retry-After: 0` where it is 429.
    Status(u16),
    /// 200 and what is no JSON.
    Garbage,
    /// No answer.
    Nothing,
}

type Choice = Arc<dyn Fn(&str) -> Mood + Send + Sync>;

pub struct Moody {
    pub address: SocketAddr,
    choice: Arc<Mutex<Choice>>,
    passed: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Moody {
    /// In front of the service at this URL; `choose` gets `METHOD /path` and says what becomes of it.
    pub async fn start(url: &str, choose: impl Fn(&str) -> Mood + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let choice: Arc<Mutex<Choice>> = Arc::new(Mutex::new(Arc::new(choose)));
        let passed = Arc::new(AtomicU64::new(0));
        let front = Front {
            url: url.to_owned(),
            choice: Arc::clone(&choice),
            passed: Arc::clone(&passed),
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
        };
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, front.clone()));
            }
        });
        Self { address, choice, passed, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on.
    pub fn choose(&self, choose: impl Fn(&str) -> Mood + Send + Sync + 'static) {
        *self.choice.lock().expect("nobody panics") = Arc::new(choose);
    }

    /// How many requests have reached the service.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }
}

impl Drop for Moody {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Front {
    url: String,
    choice: Arc<Mutex<Choice>>,
    passed: Arc<AtomicU64>,
    http: reqwest::Client,
}

async fn serve(socket: TcpStream, front: Front) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    // How a connection ends interests the client.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
}

impl Front {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let choice = Arc::clone(&*self.choice.lock().expect("nobody panics"));
        match choice(&format!("{} {}", request.method(), request.uri().path())) {
            Mood::Fine => self.pass(request).await,
            Mood::Lost => {
                self.pass(request).await;
                std::future::pending().await
            }
            Mood::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                self.pass(request).await
            }
            Mood::Status(status) => {
                let status = StatusCode::from_u16(status).expect("a status");
                let builder = Response::builder().status(status).header("retry-after", "0");
                builder.body(Full::default()).expect("an answer")
            }
            Mood::Garbage => Response::new(Full::from("{\"data\": <html>")),
            Mood::Nothing => std::future::pending().await,
        }
    }

    async fn pass(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let path = head.uri.path_and_query().map_or("", |path| path.as_str());
        let mut headers = head.headers;
        headers.remove("host");
        let call = self.http.request(head.method, format!("{}{path}", self.url));
        self.passed.fetch_add(1, Ordering::SeqCst);
        match call.headers(headers).body(body).send().await {
            Ok(answer) => {
                let mut response = Response::builder().status(answer.status());
                for name in ["content-type", "retry-after"] {
                    if let Some(value) = answer.headers().get(name) {
                        response = response.header(name, value);
                    }
                }
                let body = answer.bytes().await.unwrap_or_default();
                response.body(Full::new(body)).expect("an answer")
            }
            Err(_) => Response::builder().status(502).body(Full::default()).expect("an answer"),
        }
    }
}
