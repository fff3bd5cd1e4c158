//! [`Collector`]: takes traces as an OpenTelemetry collector does, on a socket, and can be told to misbehave.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    Takes,
    Fails,
    Silent,
    Nonsense,
}

/// A step of a trace, as it came.
#[derive(Clone, Debug)]
pub struct Step {
    pub service: String,
    pub name: String,
    /// 2: a server's, 3: a client's, 1: work of its own.
    pub kind: i32,
    pub trace: String,
    pub id: String,
    /// Empty where a trace begins.
    pub parent: String,
    /// The trace that has led to this one; empty where there is none.
    pub link: String,
    pub began_ns: u64,
    pub ended_ns: u64,
    pub failed: bool,
    pub attributes: BTreeMap<String, String>,
}

impl Step {
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

pub struct Collector {
    pub address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    mood: AtomicU8,
    requests: AtomicUsize,
    steps: Mutex<Vec<Step>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let task = tokio::spawn(listen(listener, Arc::clone(&seen)));
        Self { address, seen, task }
    }

    pub fn url(&self) -> Url {
        format!("http://{}", self.address).parse().expect("a URL")
    }

    pub fn becomes(&self, mood: Mood) {
        self.seen.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// Requests that have come, whatever it did with them.
    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    pub fn steps(&self) -> Vec<Step> {
        self.seen.steps.lock().expect("no panic").clone()
    }

    /// All steps, as soon as these say yes.
    pub async fn steps_when(&self, what: &str, enough: impl Fn(&[Step]) -> bool) -> Vec<Step> {
        let began = Instant::now();
        loop {
            let steps = self.steps();
            if enough(&steps) {
                return steps;
            }
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(20), "{what} within 20 s: {steps:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&seen)));
    }
}

async fn serve(stream: TcpStream, seen: Arc<Seen>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
    // A caller that goes away is no concern of ours.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Seen>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.uri().path(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let mood = seen.mood.load(Ordering::SeqCst);
    if mood == Mood::Silent as u8 {
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let (status, text) = match mood {
        _ if mood == Mood::Fails as u8 => (StatusCode::INTERNAL_SERVER_ERROR, "no"),
        _ if mood == Mood::Nonsense as u8 => (StatusCode::IM_A_TEAPOT, "\u{0}<html>{{{"),
        _ => {
            let message = ExportTraceServiceRequest::decode(body).expect("OTLP");
            seen.steps.lock().expect("no panic").extend(steps_of(message));
            (StatusCode::OK, "")
        }
    };
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    Ok(answer)
}

fn steps_of(message: ExportTraceServiceRequest) -> Vec<Step> {
    let mut steps = Vec::new();
    for of_service in message.resource_spans {
        let resource = of_service.resource.expect("who sends");
        let service = attributes(&resource.attributes)["service.name"].clone();
        let spans = of_service.scope_spans.into_iter().flat_map(|scope| scope.spans);
        steps.extend(spans.map(|span| step(&service, span)));
    }
    steps
}

fn step(service: &str, span: Span) -> Step {
    Step {
        service: service.to_owned(),
        name: span.name,
        kind: span.kind,
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        link: span.links.first().map_or_else(String::new, |link| hex(&link.trace_id)),
        began_ns: span.start_time_unix_nano,
        ended_ns: span.end_time_unix_nano,
        failed: span.status.is_some_and(|status| status.code == 2),
        attributes: attributes(&span.attributes),
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => panic!("neither text nor number: {other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
