//! An HTTP server that says what the test tells it to say, right or wrong, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came in, head and body.
#[derive(Clone, Debug)]
pub struct Asked {
    pub text: String,
}

impl Asked {
    /// The value of the header; none when it is not there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Send these bytes, head and all, and close.
    Bytes(Vec<u8>),
    /// The same after a while.
    Late(Duration, Vec<u8>),
    /// Keep the connection open and say nothing.
    Silence,
}

impl Reply {
    /// An answer with this status and JSON (or what goes for it).
    pub fn json(status: u16, body: impl ToString) -> Self {
        Self::with_headers(status, "", body)
    }

    /// The same with further header lines, each with its line end.
    pub fn with_headers(status: u16, headers: &str, body: impl ToString) -> Self {
        let body = body.to_string();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n{headers}\r\n"
        );
        Self::Bytes((head + &body).into_bytes())
    }

    /// The same, after a while.
    pub fn after(self, delay: Duration) -> Self {
        match self {
            Self::Bytes(bytes) => Self::Late(delay, bytes),
            other => other,
        }
    }
}

type Script = Box<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// The server; it ends when it is dropped.
pub struct FakeServer {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    script: Mutex<Arc<Script>>,
    asked: Mutex<Vec<Asked>>,
}

impl FakeServer {
    /// Starts on a free port.
    pub async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script: Mutex<Arc<Script>> = Mutex::new(Arc::new(Box::new(script)));
        let state = Arc::new(State { script, asked: Mutex::default() });
        let served = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Self { address, state, task }
    }

    /// From now on it answers like this.
    pub fn answer(&self, script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Arc::new(Box::new(script));
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// How many requests so far.
    pub fn count(&self) -> usize {
        self.state.asked.lock().unwrap().len()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let Some(asked) = read(&mut stream).await else { return };
    state.asked.lock().unwrap().push(asked.clone());
    let script = Arc::clone(&state.script.lock().unwrap());
    let bytes = match script(&asked) {
        Reply::Bytes(bytes) => bytes,
        Reply::Late(delay, bytes) => {
            tokio::time::sleep(delay).await;
            bytes
        }
        Reply::Silence => std::future::pending().await,
    };
    // A client that has read enough hangs up.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let asked = Asked { text: String::from_utf8_lossy(&bytes).into_owned() };
        let Some((_, body)) = asked.text.split_once("\r\n\r\n") else { continue };
        let length = asked.header("content-length").and_then(|length| length.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(asked);
        }
    }
}
