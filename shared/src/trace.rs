//! [`TraceContext`]: which request, across all services, a log line belongs to (W3C Trace Context); [`Activity`]: what is
//! being done just now; [`Tracer`]: where finished steps of a trace go.

pub mod activity;
pub mod span;

use std::fmt;

pub use activity::Activity;
pub use span::Tracer;

/// A trace and the span of the current step, as `traceparent` carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
}

impl TraceContext {
    /// The first step of a new trace.
    #[must_use]
    pub fn start() -> Self {
        Self { trace_id: fastrand::u128(1..), span_id: random_span(), sampled: true }
    }

    /// The trace that a caller's `traceparent` names, if it is well formed (section 3.2).
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // A later version may add parts; version 00 may not.
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        hex(version, 2)?;
        let (trace_id, span_id, flags) = (hex(trace, 32)?, hex(span, 16)?, hex(flags, 2)?);
        let span_id = u64::try_from(span_id).ok()?;
        (trace_id > 0 && span_id > 0).then_some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn next_span(self) -> Self {
        Self { span_id: random_span(), ..self }
    }

    /// The same trace, to be kept or not by whoever keeps traces.
    #[must_use]
    pub(crate) fn sampled(self, sampled: bool) -> Self {
        Self { sampled, ..self }
    }

    /// Whether this is another step of the same trace.
    #[must_use]
    pub fn is_of_the_same(self, other: Self) -> bool {
        self.trace_id == other.trace_id
    }

    /// Whether whoever began the trace wants it to be kept (section 3.2.2.5).
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.sampled
    }

    /// The ids of the trace and of this step, in the byte order of the wire.
    #[must_use]
    pub fn ids(self) -> ([u8; 16], [u8; 8]) {
        (self.trace_id.to_be_bytes(), self.span_id.to_be_bytes())
    }

    /// The id that all steps share, as 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

/// A span is named for each call, and a trace for each request; that they be told apart is enough, they need not be hard
/// to guess.
fn random_span() -> u64 {
    fastrand::u64(1..)
}

/// Lower-case hexadecimal of exactly this many digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let valid = text.len() == digits
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if valid { u128::from_str_radix(text, 16).ok() } else { None }
}

impl TraceContext {
    /// The header value. It is written at every call, so without the machinery of formats.
    pub(crate) fn to_bytes(self) -> [u8; 55] {
        let mut text = *b"00-................................-................-00";
        write_hex(&mut text[3..35], &self.trace_id.to_be_bytes());
        write_hex(&mut text[36..52], &self.span_id.to_be_bytes());
        text[54] += u8::from(self.sampled);
        text
    }
}

fn write_hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

impl fmt::Display for TraceContext {
    /// The header value.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_trace_is_read_and_written_back() {
        assert_eq!(TraceContext::parse(GOOD).map(|trace| trace.to_string()), Some(GOOD.to_owned()));
    }

    #[test]
    fn a_malformed_one_is_not_taken_over() {
        let bad = [
            "",
            "00-0-0-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ];
        for text in bad {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
