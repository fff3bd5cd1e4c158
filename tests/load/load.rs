//! The load: many connections, each with one request under way, from one thread; and what it costs the server.

use std::time::Instant;

use futures_util::future::try_join_all;
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
}

impl Load {
    /// So many that the server always has something to do.
    pub const CONNECTIONS: usize = 32;

    pub fn new() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime })
    }

    /// So many requests, these by turns; each has to be answered 200.
    pub fn send(&self, port: u16, requests: &[String], count: usize) -> Result<(), Failure> {
        let each = count / Self::CONNECTIONS;
        let connections = (0..Self::CONNECTIONS).map(|connection| {
            let begin = connection * each;
            let own = (begin..begin + each).map(|number| &requests[number % requests.len()]);
            send(port, own)
        });
        self.runtime.block_on(try_join_all(connections))?;
        Ok(())
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
