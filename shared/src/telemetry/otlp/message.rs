//! Steps in the form that the collector reads: OTLP's own, and the words of OpenTelemetry's semantic conventions.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{self as wire, ResourceSpans, ScopeSpans, Status};
use uuid::Uuid;

use crate::trace::TraceContext;
use crate::trace::span::{Span, SpanKind, Value};

/// Flags of a step that is to be kept: whether its parent is in another process is known (bit 8), and it is (bit 9).
const PARENT_IS_REMOTE: u32 = 0x301;
const PARENT_IS_LOCAL: u32 = 0x101;

/// Who sends: the same in each message.
pub(super) struct Source(Resource);

impl Source {
    pub(super) fn new((name, version): (&'static str, &'static str)) -> Self {
        let attributes = [
            ("service.name", name.to_owned()),
            ("service.version", version.to_owned()),
            ("service.instance.id", Uuid::new_v4().to_string()),
            ("telemetry.sdk.language", "rust".to_owned()),
            ("telemetry.sdk.name", "baton".to_owned()),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let attributes = attributes.map(|(key, text)| attribute(key, Value::Text(text)));
        Self(Resource { attributes: attributes.into(), ..Resource::default() })
    }

    pub(super) fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let scope = InstrumentationScope { name: "baton".to_owned(), ..Default::default() };
        let spans = ScopeSpans {
            scope: Some(scope),
            spans: spans.into_iter().map(on_the_wire).collect(),
            ..ScopeSpans::default()
        };
        let resource = Some(self.0.clone());
        let spans = ResourceSpans { resource, scope_spans: vec![spans], ..Default::default() };
        ExportTraceServiceRequest { resource_spans: vec![spans] }
    }
}

fn on_the_wire(Span { trace, parent, link, ended: step }: Span) -> wire::Span {
    let (trace_id, span_id) = trace.ids();
    let ended = u64::try_from(step.at.timestamp_micros()).unwrap_or_default() * 1_000;
    let took = u64::try_from(step.took.as_nanos()).unwrap_or(u64::MAX);
    let attributes = step.attributes.into_iter().map(|(key, value)| attribute(&key, value));
    let remote = step.kind == SpanKind::Server && parent.is_some();
    wire::Span {
        trace_id: trace_id.into(),
        span_id: span_id.into(),
        parent_span_id: parent.map_or_else(Vec::new, |parent| parent.ids().1.into()),
        flags: if remote { PARENT_IS_REMOTE } else { PARENT_IS_LOCAL },
        name: step.name.into_owned(),
        kind: kind(step.kind).into(),
        start_time_unix_nano: ended.saturating_sub(took),
        end_time_unix_nano: ended,
        attributes: attributes.collect(),
        links: link.map(self::link).into_iter().collect(),
        status: step.failed.then(failed),
        ..wire::Span::default()
    }
}

fn kind(kind: SpanKind) -> wire::span::SpanKind {
    match kind {
        SpanKind::Server => wire::span::SpanKind::Server,
        SpanKind::Client => wire::span::SpanKind::Client,
        SpanKind::Internal => wire::span::SpanKind::Internal,
    }
}

fn link(to: TraceContext) -> wire::span::Link {
    let (trace_id, span_id) = to.ids();
    wire::span::Link { trace_id: trace_id.into(), span_id: span_id.into(), ..Default::default() }
}

fn failed() -> Status {
    Status { code: wire::status::StatusCode::Error.into(), ..Status::default() }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(text),
        Value::Number(number) => any_value::Value::IntValue(number),
    };
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}
