//! Callers who send at set times, whether they have been answered in time or not: what a slow answer makes late counts,
//! too.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// What goes from thread to thread.
pub type Sent = Box<dyn std::error::Error + Send + Sync>;

/// When to send.
#[derive(Clone, Copy)]
pub struct Schedule {
    pub start: Instant,
    pub every: Duration,
    pub requests: u32,
}

/// An answer, and how long after its request was due.
pub struct Answer {
    pub status: u16,
    pub ms: f64,
}

/// A connection that is kept.
pub struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Caller {
    pub fn connect(port: u16) -> Result<Self, Sent> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// One request after the other, with these tokens by turns.
    pub fn keep_to(&mut self, schedule: Schedule, tokens: &[String]) -> Result<Vec<Answer>, Sent> {
        let numbered = (0..schedule.requests).zip(tokens.iter().cycle());
        numbered.map(|(number, token)| self.send_at(schedule.due(number), token)).collect()
    }

    fn send_at(&mut self, due: Instant, token: &str) -> Result<Answer, Sent> {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let status = self.get("/order", token)?;
        Ok(Answer { status, ms: due.elapsed().as_secs_f64() * 1000.0 })
    }

    pub fn get(&mut self, path: &str, token: &str) -> Result<u16, Sent> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes())?;
        self.buffer.clear();
        while !is_whole(&self.buffer) {
            let mut piece = [0; 4096];
            let read = self.stream.read(&mut piece)?;
            if read == 0 {
                return Err("the server closed the connection".into());
            }
            self.buffer.extend_from_slice(&piece[..read]);
        }
        let status = self.text().split(' ').nth(1).unwrap_or_default();
        Ok(status.parse()?)
    }

    /// The body of the last answer.
    pub fn body(&self) -> &str {
        self.text().split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.buffer).unwrap_or_default()
    }
}

impl Schedule {
    fn due(&self, number: u32) -> Instant {
        self.start + self.every * number
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let answer = std::str::from_utf8(answer).unwrap_or_default();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
}
