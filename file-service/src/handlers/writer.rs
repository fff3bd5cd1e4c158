//! Who writes: [`Author`] as an argument of a handler.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use shared::openapi::{Draft, Takes};
use shared::{ApiError, Identity, Session};

use crate::domain::author::Author;

/// The caller's session, and the client that acts on his behalf.
pub(crate) struct Writer(pub(crate) Author);

impl Takes for Writer {
    fn describe(_: &mut Draft) {}
}

impl FromRequest for Writer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let session = Session::from_request(request, payload).into_inner();
        ready(session.map(|session| Self(Author { session, through: acting_client(request) })))
    }
}

/// A program that calls on a user's behalf says so in its token; without a token it is a gateway's user himself.
fn acting_client(request: &HttpRequest) -> Option<String> {
    let extensions = request.extensions();
    let claims = extensions.get::<Identity>().and_then(Identity::claims)?;
    claims.acting_client().map(str::to_owned)
}
