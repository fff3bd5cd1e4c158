//! What the session's source looks at, in a request of the `http` crate.

use std::borrow::Cow;

use http::{HeaderName, Request, header};

use crate::session_source::RequestHead;

impl<B> RequestHead for Request<B> {
    fn authorizations(&self) -> impl Iterator<Item = &[u8]> {
        self.headers().get_all(header::AUTHORIZATION).iter().map(|value| value.as_bytes())
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.headers().get_all(name).iter().map(|value| value.as_bytes())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.headers().keys().map(HeaderName::as_str)
    }

    fn query(&self) -> &str {
        self.uri().query().unwrap_or_default()
    }

    fn method(&self) -> &str {
        Request::method(self).as_str()
    }

    fn target(&self) -> Cow<'_, str> {
        let target = self.uri().path_and_query();
        Cow::Borrowed(target.map_or("/", |target| target.as_str()))
    }
}
