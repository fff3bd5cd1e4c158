//! The load: many connections, each with one request under way, from one thread; and what it costs the server.

use std::future::pending;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select, try_join_all};
use tokio::runtime::Runtime;

use crate::connection::Connection;
use crate::harness::Failure;
use crate::process::Running;

/// What a request costs its server.
#[derive(Clone, Copy)]
pub struct Cost {
    pub cpu_us: f64,
    pub per_second: f64,
}

/// Sends requests.
pub struct Load {
    runtime: Runtime,
    sleeps: bool,
}

impl Load {
    /// So many that the server always has something to do.
    pub const CONNECTIONS: usize = 32;

    pub fn new() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, sleeps: true })
    }

    /// One that keeps its core busy while it waits for answers. A server that wakes it up pays for that, and the more the
    /// less it has to do: one that answers many requests in a row wakes it once, one that answers each at once does so
    /// each time.
    pub fn awake() -> Result<Self, Failure> {
        Ok(Self { sleeps: false, ..Self::new()? })
    }

    /// So many requests, these by turns; each has to be answered 200.
    pub fn send(&self, port: u16, requests: &[String], count: usize) -> Result<(), Failure> {
        let each = count / Self::CONNECTIONS;
        let connections = (0..Self::CONNECTIONS).map(|connection| {
            let begin = connection * each;
            let own = (begin..begin + each).map(|number| &requests[number % requests.len()]);
            send(port, own)
        });
        let (all, sleeps) = (pin!(try_join_all(connections)), self.sleeps);
        let other = pin!(async move { if sleeps { pending().await } else { stay_awake().await } });
        match self.runtime.block_on(select(all, other)) {
            Either::Left((sent, _)) => sent.map(drop),
            Either::Right((never, _)) => never,
        }
    }

    /// The same, and what each has cost.
    pub fn cost(
        &self,
        server: &Running,
        requests: &[String],
        count: usize,
    ) -> Result<Cost, Failure> {
        let (cpu, started) = (server.cpu_seconds()?, Instant::now());
        self.send(server.port(), requests, count)?;
        let (cpu, took) = (server.cpu_seconds()? - cpu, started.elapsed().as_secs_f64());
        let count = Self::rounded(count) as f64;
        Ok(Cost { cpu_us: cpu * 1e6 / count, per_second: count / took })
    }

    /// Sends this request so often a second, for a second, whether the others have been answered or not. How long each
    /// answer took from when its request was due, in milliseconds: what waits for a connection counts, too.
    pub fn pace(&self, port: u16, request: &str, per_second: f64) -> Result<Vec<f64>, Failure> {
        let each = per_second as usize / Self::CONNECTIONS;
        let every = Duration::from_secs_f64(Self::CONNECTIONS as f64 / per_second);
        let start = Instant::now() + Duration::from_millis(50);
        let connections = (0..Self::CONNECTIONS).map(|connection| {
            let start = start + every.mul_f64(connection as f64 / Self::CONNECTIONS as f64);
            let times = (0..each).map(move |number| start + every.mul_f64(number as f64));
            keep_to(times, port, request)
        });
        let waited = self.runtime.block_on(try_join_all(connections))?;
        Ok(waited.concat())
    }

    /// For what is asked beside the load.
    pub fn wait<T>(&self, task: impl Future<Output = T>) -> T {
        self.runtime.block_on(task)
    }

    /// How many are really sent of so many.
    pub fn rounded(count: usize) -> usize {
        count / Self::CONNECTIONS * Self::CONNECTIONS
    }
}

async fn send(port: u16, requests: impl Iterator<Item = &String>) -> Result<(), Failure> {
    let mut connection = Connection::open(port).await?;
    for request in requests {
        connection.exchange(request).await?;
    }
    Ok(())
}

async fn stay_awake<T>() -> T {
    loop {
        tokio::task::yield_now().await;
    }
}

async fn keep_to(
    times: impl Iterator<Item = Instant>,
    port: u16,
    request: &str,
) -> Result<Vec<f64>, Failure> {
    let (mut connection, mut waited) = (Connection::open(port).await?, Vec::new());
    for due in times {
        // A timer goes by whole milliseconds, and nobody else needs this core.
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
        connection.exchange(request).await?;
        waited.push(due.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(waited)
}
