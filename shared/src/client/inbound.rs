//! [`Inbound`]: what of a request that came in goes on with the calls that are made for it.

use crate::client::{ServiceClient, SessionClient};
#[cfg(any(feature = "actix", feature = "tower"))]
use crate::identity::Identity;
use crate::session::Session;
use crate::token::AccessToken;
use crate::trace::TraceContext;

/// A request that came in, behind a session middleware: actix's `HttpRequest`; for tower `http::Request` and
/// `http::request::Parts`.
pub trait Inbound {
    /// Who called, as the middleware found out.
    fn session(&self) -> Option<Session>;
    /// The token that it came with, verified; none where a gateway vouches for the session.
    fn access_token(&self) -> Option<AccessToken>;
    /// The trace that the request belongs to, if it is in one.
    fn trace(&self) -> Option<TraceContext>;
    /// Its id, if it has one.
    fn request_id(&self) -> Option<String>;
}

/// The request has no session that could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request has no session")]
pub struct NoSession;

impl ServiceClient {
    /// Calls on behalf of whoever called us: the session goes on with a token for *this* target's audience, and with it
    /// the trace and the request's id. (Our caller's own token goes nowhere: it is for us.)
    ///
    /// # Errors
    /// [`NoSession`]. In an actix handler it becomes 401 A001.
    pub fn on_behalf_of(&self, request: &impl Inbound) -> Result<SessionClient, NoSession> {
        let session = request.session().ok_or(NoSession)?;
        Ok(going_on(self.with_session(&session), request))
    }

    /// The same by exchanging the caller's token (RFC 8693): what is called sees the whole chain in `act`, and ending the
    /// login (`sid`) ends this, too. It needs to be allowed for this client at the authorization server, and the caller's
    /// token has to have the target's scope. A session that a gateway vouches for has no token: it goes on as by
    /// [`ServiceClient::on_behalf_of`].
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn by_exchange(&self, request: &impl Inbound) -> Result<SessionClient, NoSession> {
        let session = request.session().ok_or(NoSession)?;
        let client = match request.access_token() {
            Some(token) => self.with_subject(&token, &session),
            None => self.with_session(&session),
        };
        Ok(going_on(client, request))
    }
}

fn going_on(client: SessionClient, request: &impl Inbound) -> SessionClient {
    let client = match request.trace() {
        Some(trace) => client.within(trace),
        None => client,
    };
    match request.request_id() {
        Some(id) => client.with_request_id(&id),
        None => client,
    }
}

/// The token of a request that has been let in with one.
#[cfg(any(feature = "actix", feature = "tower"))]
fn verified(identity: Option<&Identity>, authorization: Option<&[u8]>) -> Option<AccessToken> {
    matches!(identity, Some(Identity::Token(_))).then_some(())?;
    let (_scheme, token) = std::str::from_utf8(authorization?).ok()?.split_once(' ')?;
    Some(AccessToken::new(token.to_owned()))
}

#[cfg(feature = "actix")]
mod actix {
    use actix_web::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
    use actix_web::{HttpMessage, HttpRequest};

    use super::*;
    use crate::client::CallError;
    use crate::edge::{RequestId, TRACEPARENT, X_REQUEST_ID};
    use crate::refusal::{Reason, Refusal};
    use crate::reply::ApiError;

    /// How soon a caller may come back when a service that we need is away, in seconds.
    const RETRY_AFTER_S: u64 = 1;

    impl Inbound for HttpRequest {
        fn session(&self) -> Option<Session> {
            self.extensions().get::<Identity>().and_then(Identity::session)
        }

        fn access_token(&self) -> Option<AccessToken> {
            let header = self.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
            verified(self.extensions().get(), header)
        }

        fn trace(&self) -> Option<TraceContext> {
            let own = self.extensions().get::<TraceContext>().copied();
            own.or_else(|| TraceContext::parse(text(self, &TRACEPARENT)?))
        }

        fn request_id(&self) -> Option<String> {
            let own =
                self.extensions().get::<RequestId>().and_then(|id| Some(id.text()?.to_owned()));
            own.or_else(|| text(self, &X_REQUEST_ID).map(str::to_owned))
        }
    }

    fn text<'r>(request: &'r HttpRequest, name: &HeaderName) -> Option<&'r str> {
        request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// What a handler says when a service that it needs has failed it: 503 C008 where trying again may help, else 500
    /// C009. The peer's own words go to the log.
    impl From<CallError> for ApiError {
        fn from(error: CallError) -> Self {
            if error.is_transient() {
                Self::unavailable(RETRY_AFTER_S, error)
            } else {
                Self::unexpected(error)
            }
        }
    }

    impl From<NoSession> for ApiError {
        fn from(_: NoSession) -> Self {
            Refusal::because(Reason::NoSession).into()
        }
    }
}

#[cfg(feature = "tower")]
mod tower {
    use http::header::{AUTHORIZATION, HeaderValue};
    use http::request::Parts;
    use http::{Extensions, HeaderMap, Request};

    use super::*;

    const TRACEPARENT: &str = "traceparent";
    const X_REQUEST_ID: &str = "x-request-id";

    impl<B> Inbound for Request<B> {
        fn session(&self) -> Option<Session> {
            session(self.extensions())
        }

        fn access_token(&self) -> Option<AccessToken> {
            access_token(self.extensions(), self.headers())
        }

        fn trace(&self) -> Option<TraceContext> {
            trace(self.headers())
        }

        fn request_id(&self) -> Option<String> {
            request_id(self.headers())
        }
    }

    impl Inbound for Parts {
        fn session(&self) -> Option<Session> {
            session(&self.extensions)
        }

        fn access_token(&self) -> Option<AccessToken> {
            access_token(&self.extensions, &self.headers)
        }

        fn trace(&self) -> Option<TraceContext> {
            trace(&self.headers)
        }

        fn request_id(&self) -> Option<String> {
            request_id(&self.headers)
        }
    }

    fn session(extensions: &Extensions) -> Option<Session> {
        extensions.get::<Identity>().and_then(Identity::session)
    }

    fn access_token(extensions: &Extensions, headers: &HeaderMap) -> Option<AccessToken> {
        let header = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        verified(extensions.get(), header)
    }

    fn trace(headers: &HeaderMap) -> Option<TraceContext> {
        TraceContext::parse(text(headers, TRACEPARENT)?)
    }

    fn request_id(headers: &HeaderMap) -> Option<String> {
        text(headers, X_REQUEST_ID).map(str::to_owned)
    }

    fn text<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
        headers.get(name).and_then(|value| value.to_str().ok())
    }
}
