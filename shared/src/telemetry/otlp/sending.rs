//! [`Sender`]: brings steps to the collector, many at once, and again while it is away, but not for ever.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::warn;
use url::Url;

use super::Item;
use super::counts::Counts;
use super::message::Source;
use crate::client::http::describe;
use crate::clock::{Clock, SystemClock};
use crate::trace::span::Span;

/// So many at once.
const BATCH: usize = 512;
/// A step waits for others this long.
const GATHER: Duration = Duration::from_millis(500);
/// How long the collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is not taken is sent again after these pauses; then it is dropped.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// A collector that stays away is spoken of so often.
const WARN_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Sender {
    http: Client,
    url: Url,
    source: Source,
    counts: Arc<Counts>,
    clock: SystemClock,
    warned_at: Option<Duration>,
}

/// Why the collector has not taken something.
struct NotTaken {
    cause: String,
    /// It may take it a little later.
    may_again: bool,
}

impl Sender {
    pub(super) fn new((http, url): (Client, Url), source: Source, counts: Arc<Counts>) -> Self {
        Self { http, url, source, counts, clock: SystemClock::new(), warned_at: None }
    }

    /// Until nobody has anything to send any more.
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Item>) {
        while let Some(first) = waiting.recv().await {
            let (spans, flushes) = gather(first, &mut waiting).await;
            self.deliver(spans).await;
            for done in flushes {
                let _ = done.send(());
            }
        }
    }

    async fn deliver(&mut self, spans: Vec<Span>) {
        let count = spans.len();
        if count == 0 {
            return;
        }
        let body = self.source.request(spans).encode_to_vec();
        let mut pauses = PAUSES.into_iter();
        let failure = loop {
            match (self.post(body.clone()).await, pauses.next()) {
                (Ok(()), _) => return self.counts.sent(count),
                (Err(failure), Some(pause)) if failure.may_again => {
                    drop(failure);
                    sleep(pause).await;
                }
                (Err(failure), _) => break failure,
            }
        };
        self.counts.not_taken(count);
        self.warn_now_and_then(&failure.cause);
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), NotTaken> {
        let request = self.http.post(self.url.clone()).timeout(PATIENCE);
        let request = request.header(CONTENT_TYPE, "application/x-protobuf").body(body);
        match request.send().await {
            // What else it says does not change anything here.
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(NotTaken {
                cause: format!("it answered {}", answer.status()),
                may_again: may_again(answer.status()),
            }),
            Err(error) => Err(NotTaken { cause: describe(&error.without_url()), may_again: true }),
        }
    }

    fn warn_now_and_then(&mut self, cause: &str) {
        let now = self.clock.monotonic();
        if self.warned_at.is_some_and(|last| now.saturating_sub(last) < WARN_EVERY) {
            return;
        }
        self.warned_at = Some(now);
        let dropped = self.counts.dropped();
        warn!(cause, dropped, "the collector of traces takes none; {dropped} steps are dropped");
    }
}

/// The statuses that the OTLP specification calls retryable.
fn may_again(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}

/// What comes within a moment, up to as much as goes into one request.
async fn gather(
    first: Item,
    waiting: &mut mpsc::Receiver<Item>,
) -> (Vec<Span>, Vec<oneshot::Sender<()>>) {
    let (mut spans, mut flushes) = (Vec::new(), Vec::new());
    let mut sort = |item| match item {
        Item::Span(span) => spans.push(*span),
        Item::Flush(done) => flushes.push(done),
    };
    let mut hurry = matches!(first, Item::Flush(_));
    sort(first);
    let _ = timeout(GATHER, async {
        for _ in 1..BATCH {
            if hurry {
                break;
            }
            let Some(item) = waiting.recv().await else { break };
            hurry = matches!(item, Item::Flush(_));
            sort(item);
        }
    })
    .await;
    (spans, flushes)
}
