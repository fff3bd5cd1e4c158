//! [`Activity`]: what is being done just now, and on whose behalf. Log lines and calls take it from here.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::identity::Identity;
use crate::session::Session;
use crate::trace::TraceContext;
use crate::trace::span::{Ended, Span, Tracer, Value};

thread_local! {
    static CURRENT: RefCell<Option<Activity>> = const { RefCell::new(None) };
}

/// What is being done just now: a step of a trace, on somebody's behalf. Every log line that is written meanwhile says so,
/// and every call that is made goes on with the trace. Cloning one is cheap.
///
/// ```
/// use shared::trace::{Activity, Tracer};
///
/// # async fn deliver() {}
/// async fn deliver_by_itself(tracer: &Tracer) {
///     tracer.begin().run(deliver()).await;
/// }
/// ```
#[derive(Clone)]
pub struct Activity(Arc<Inner>);

struct Inner {
    trace: TraceContext,
    parent: Option<TraceContext>,
    /// Found out on the way, too: what is done at last may have been asked for long ago.
    link: OnceLock<TraceContext>,
    tracer: Tracer,
    request_id: Option<Box<str>>,
    labels: Vec<(&'static str, Value)>,
    /// Found out on the way.
    caller: OnceLock<Caller>,
}

#[derive(Clone)]
enum Caller {
    Identity(Identity),
    Session(Session),
    Client(Box<str>),
}

/// A value as it stands in a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// A text.
    Text(&'a str),
    /// A whole number.
    Number(i64),
}

/// The names under which a log line says what it belongs to, beside the labels.
pub const FIELDS: [&str; 5] = ["trace.id", "request.id", "client.id", "company", "user"];

impl Activity {
    pub(crate) fn of(
        trace: TraceContext,
        (parent, tracer): (Option<TraceContext>, Tracer),
    ) -> Self {
        let (request_id, link, labels, caller) = Default::default();
        Self(Arc::new(Inner { trace, parent, link, tracer, request_id, labels, caller }))
    }

    /// A part of this one: a step of its own, for the same caller.
    #[must_use]
    pub fn part(&self) -> Self {
        let (own, trace) = (&*self.0, self.0.trace.next_span());
        let (request_id, labels) = (own.request_id.clone(), own.labels.clone());
        let (tracer, caller) = (own.tracer.clone(), own.caller.clone());
        let parent = Some(own.trace);
        let link = OnceLock::new();
        Self(Arc::new(Inner { trace, parent, link, tracer, request_id, labels, caller }))
    }

    /// Something that this has led to, with a trace of its own that names this one.
    #[must_use]
    pub fn apart(&self) -> Self {
        let (labels, link) = (self.0.labels.clone(), OnceLock::from(self.0.trace));
        self.0.tracer.begin().changed(|inner| (inner.labels, inner.link) = (labels, link))
    }

    /// While it is being put together nobody else has it.
    fn changed(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// The same for the request with this id.
    #[must_use]
    pub fn with_request_id(self, id: &str) -> Self {
        self.changed(|inner| inner.request_id = Some(id.into()))
    }

    /// The same, which log lines and the span say this about. The name is not one of [`FIELDS`]. To be said before it is
    /// [run](Self::run).
    #[must_use]
    pub fn with(self, name: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.changed(|inner| inner.labels.push((name, value)))
    }

    /// The same on behalf of this session.
    #[must_use]
    pub fn on_behalf_of(self, session: Session) -> Self {
        self.is_for(Caller::Session(session));
        self
    }

    /// It has turned out what has led to this, in a trace of its own: the span names it. The first one counts.
    pub fn caused_by(&self, origin: TraceContext) {
        let _ = self.0.link.set(origin);
    }

    /// It has turned out who asks.
    pub fn identified(&self, identity: &Identity) {
        if !matches!(identity, Identity::Anonymous) {
            self.is_for(Caller::Identity(identity.clone()));
        }
    }

    /// It has turned out which client asks; for who finds that out by itself.
    pub fn client_identified(&self, client_id: &str) {
        self.is_for(Caller::Client(client_id.into()));
    }

    /// What is known already stays.
    fn is_for(&self, caller: Caller) {
        let _ = self.0.caller.set(caller);
    }

    /// What is being done in this task, if that has been said.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Looks at what is being done in this task.
    pub fn with_current<T>(look: impl FnOnce(&Self) -> T) -> Option<T> {
        CURRENT.with_borrow(|current| current.as_ref().map(look))
    }

    /// The trace, and the step that this is.
    #[must_use]
    pub fn trace(&self) -> TraceContext {
        self.0.trace
    }

    /// Does this now, without waiting for anything.
    pub fn run_now<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = Entered::new(Some(self.clone()));
        work()
    }

    /// Does this, whatever it waits for. What it spawns is not part of it, see [`carried`].
    pub fn run<F: Future>(self, work: F) -> Running<F> {
        Running { work, activity: Some(self) }
    }

    /// Whether anybody wants to know how it ends.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.tracer.wants(self.0.trace)
    }

    /// It is over, and goes to wherever traces are kept.
    pub fn finish(&self, ended: Ended) {
        self.take((self.0.trace, self.0.parent), ended);
    }

    /// A call that was made meanwhile is over; `trace` is what it was sent with.
    pub fn finish_call(&self, trace: TraceContext, ended: Ended) {
        self.take((trace, Some(self.0.trace)), ended);
    }

    fn take(&self, (trace, parent): (TraceContext, Option<TraceContext>), mut ended: Ended) {
        if !self.0.tracer.wants(trace) {
            return;
        }
        if let Some(id) = self.client_id() {
            ended.attribute("baton.client_id", id);
        }
        if let Some(session) = self.session() {
            ended.attribute("baton.company", session.company_id().get());
            ended.attribute("baton.user", session.user_id().get());
        }
        for (name, value) in &self.0.labels {
            ended.attribute(format!("baton.{name}"), value.clone());
        }
        let link = self.0.link.get().copied().filter(|_| trace == self.0.trace);
        self.0.tracer.take(Span { trace, parent, link, ended });
    }

    /// The client that asks, as far as it is known.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        match self.0.caller.get()? {
            Caller::Identity(identity) => identity.claims().map(|claims| claims.client_id.as_str()),
            Caller::Client(id) => Some(id),
            Caller::Session(_) => None,
        }
    }

    /// On whose behalf, as far as it is known.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match self.0.caller.get()? {
            Caller::Identity(identity) => identity.session_ref(),
            Caller::Session(session) => Some(session),
            Caller::Client(_) => None,
        }
    }

    /// What each log line says: [`FIELDS`], as far as they are known, then the labels.
    pub fn each_field(&self, mut say: impl FnMut(&str, Field<'_>)) {
        let own = &*self.0;
        say(FIELDS[0], Field::Text(&own.trace.trace_id()));
        if let Some(id) = &own.request_id {
            say(FIELDS[1], Field::Text(id));
        }
        if let Some(id) = self.client_id() {
            say(FIELDS[2], Field::Text(id));
        }
        if let Some(session) = self.session() {
            say(FIELDS[3], Field::Number(session.company_id().get()));
            say(FIELDS[4], Field::Number(session.user_id().get()));
        }
        for (name, value) in &own.labels {
            match value {
                Value::Text(text) => say(name, Field::Text(text)),
                Value::Number(number) => say(name, Field::Number(*number)),
            }
        }
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Activity({})", self.0.trace)
    }
}

/// The same work, to be spawned, as part of what is being done in this task.
pub fn carried<F: Future>(work: F) -> Running<F> {
    Running { work, activity: Activity::current() }
}

pin_project! {
    /// Work during which log lines and calls know what it is part of.
    #[derive(Debug)]
    pub struct Running<F> {
        #[pin]
        work: F,
        activity: Option<Activity>,
    }
}

impl<F: Future> Future for Running<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let own = self.project();
        let Some(activity) = own.activity else { return own.work.poll(context) };
        let _entered = Entered::new(Some(activity.clone()));
        own.work.poll(context)
    }
}

/// What was there before comes back, however the work ends.
struct Entered(Option<Activity>);

impl Entered {
    fn new(activity: Option<Activity>) -> Self {
        Self(CURRENT.replace(activity))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(activity: &Activity) -> Vec<String> {
        let mut fields = Vec::new();
        activity.each_field(|name, value| fields.push(format!("{name}={value:?}")));
        fields
    }

    #[test]
    fn what_was_being_done_before_comes_back() {
        let (outer, inner) = (Tracer::default().begin(), Tracer::default().begin());
        let now = || Activity::current().map(|activity| activity.trace());
        outer.run_now(|| {
            assert_eq!(inner.run_now(now), Some(inner.trace()));
            assert_eq!(now(), Some(outer.trace()));
        });
        assert_eq!(now(), None);
    }

    #[test]
    fn a_part_is_of_the_same_trace_and_caller_and_says_the_same() -> Result<(), crate::SessionError>
    {
        let session = Session::parse(r#"{"companyId":7,"userId":9}"#)?;
        let whole = Tracer::default().begin().with("run", 3_i64).on_behalf_of(session);
        let part = whole.part();
        assert_ne!(part.trace(), whole.trace());
        assert_eq!(fields(&part), fields(&whole));
        let own = format!("trace.id=Text({:?})", whole.trace().trace_id());
        let rest = ["company=Number(7)", "user=Number(9)", "run=Number(3)"].map(str::to_owned);
        assert_eq!(fields(&whole), [vec![own], rest.into()].concat());
        assert_ne!(whole.apart().trace().trace_id(), whole.trace().trace_id());
        Ok(())
    }

    #[test]
    fn who_is_calling_is_found_out_once() {
        let activity = Tracer::default().begin();
        activity.client_identified("shop");
        activity.client_identified("another");
        assert_eq!(activity.client_id(), Some("shop"));
    }
}
