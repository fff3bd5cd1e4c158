//! [`JsonLines`]: each log line is one flat JSON object that says to which trace it belongs, and on whose behalf it was
//! written.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::trace::Activity;
use crate::trace::activity;

/// `timestamp`, `level`, `message` and `target`, the fields of the line, and those of the [`Activity`] during which it was
/// written, all side by side: a log store finds each by its name. What the line says itself wins.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        line.put("timestamp", now());
        line.put("level", event.metadata().level().as_str());
        event.record(&mut line);
        if let Some(activity) = Activity::current() {
            activity.each_field(|name, value| line.put_if_missing(name, value));
        }
        line.put("target", event.metadata().target());
        let text = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{text}")
    }
}

fn now() -> String {
    let mut text = String::new();
    // A clock that cannot be read leaves the line without a time.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// In the order in which it was said: `timestamp` comes first.
#[derive(Default)]
struct Line(Vec<(String, Value)>);

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Line {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.push((name.to_owned(), value.into()));
    }

    fn put_if_missing(&mut self, name: &str, value: activity::Field<'_>) {
        if !self.0.iter().any(|(own, _)| own == name) {
            match value {
                activity::Field::Text(text) => self.put(name, text),
                activity::Field::Number(number) => self.put(name, number),
            }
        }
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use serde_json::json;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::session::Session;
    use crate::trace::Tracer;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line_of(write: impl FnOnce()) -> Result<Value, serde_json::Error> {
        let written = Written::default();
        let writer = written.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer.event_format(JsonLines));
        tracing::subscriber::with_default(subscriber, write);
        let text = written.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        serde_json::from_slice(&text)
    }

    #[test]
    fn a_line_says_what_it_belongs_to_side_by_side_with_its_own_fields()
    -> Result<(), Box<dyn std::error::Error>> {
        let session = Session::parse(r#"{"companyId":7,"userId":9}"#)?;
        let activity = Tracer::default().begin().with_request_id("r-1").on_behalf_of(session);
        let line = line_of(|| {
            activity.run_now(|| tracing::warn!(order.id = 5, user = 1, "an {:?} line", "odd"));
        })?;
        let own = json!({"timestamp": line["timestamp"], "level": "WARN", "message": r#"an "odd" line"#,
            "order.id": 5, "user": 1, "company": 7, "request.id": "r-1",
            "trace.id": activity.trace().trace_id(), "target": line["target"]});
        assert_eq!(line, own);
        assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        Ok(())
    }

    #[test]
    fn outside_of_everything_it_has_its_own_fields_only() -> Result<(), serde_json::Error> {
        let line = line_of(|| tracing::info!("alone"))?;
        assert_eq!((line["message"].as_str(), line.get("trace.id")), (Some("alone"), None));
        Ok(())
    }
}
