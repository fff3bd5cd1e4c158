//! What is the same for every operation: headers that go in and out, and the ways in which a caller proves who he is.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, Ref, Required};

use super::operation::{Operation, Proof};
use super::words::text;
use crate::policy::Policy;

/// A token of the issuer's.
const BEARER: &str = "bearer";
/// A client of the issuer's, with its secret.
pub const CLIENT: &str = "client";

/// Parameters that every operation has, by the names of their components.
pub(super) const EVERYWHERE: [&str; 3] = ["AcceptLanguage", "RequestId", "TraceParent"];

pub(super) fn parameters() -> [(&'static str, Parameter); 3] {
    [
        (
            "AcceptLanguage",
            parameter("Accept-Language", "In which language `message` is written; Korean unless English is preferred.")
                .schema(Some(text().examples(["en"])))
                .build(),
        ),
        (
            "RequestId",
            parameter("X-Request-Id", "What the request is called in logs; visible ASCII. One is made up if it is missing.")
                .schema(Some(text().min_length(Some(1)).max_length(Some(128))))
                .build(),
        ),
        (
            "TraceParent",
            parameter("traceparent", "The trace that the request belongs to (W3C Trace Context).")
                .schema(Some(text().pattern(Some("^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"))))
                .build(),
        ),
    ]
}

fn parameter(name: &str, what: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(what))
}

pub(super) fn headers() -> [(&'static str, Header); 3] {
    let header = |what: &str, schema: ObjectBuilder| {
        HeaderBuilder::new().description(Some(what)).schema(Some(schema)).build()
    };
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    [
        ("Retry-After", header("How soon trying again makes sense, in seconds.", seconds)),
        ("WWW-Authenticate", header("What is asked for (RFC 6750 section 3).", text())),
        ("X-Request-Id", header("What the request is called in logs.", text())),
    ]
}

/// Sent with a key, a request has its effect once, however often it comes.
#[cfg(feature = "store")]
pub(super) const IDEMPOTENCY_KEY: (&str, &str) = (
    "Idempotency-Key",
    "Sent again under the same key within a day, the request has its effect once and the same answer. Programs have to send one.",
);

pub(super) fn bearer() -> SecurityScheme {
    let what = "An access token for this service. Scopes that an operation needs stand beside it.";
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(what))
            .build(),
    )
}

/// A client's own secret (RFC 6749 section 2.3.1).
#[must_use]
pub fn client_secret() -> SecurityScheme {
    let what = "A client's id and secret. They, or an assertion in their place (RFC 7523), may also stand in the body.";
    let mut http = Http::new(HttpAuthScheme::Basic);
    http.description = Some(what.to_owned());
    SecurityScheme::Http(http)
}

/// A cookie of this name.
#[must_use]
pub fn cookie(name: &str, what: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, what)))
}

/// Who may call: as the policy says, unless the operation says more.
pub(super) fn security(operation: &Operation, policy: &Policy) -> Vec<SecurityRequirement> {
    let nobody = SecurityRequirement::default();
    match &operation.proof {
        Proof::OneOf(schemes) => {
            let one = |scheme: &&'static str| match *scheme {
                "" => SecurityRequirement::default(),
                scheme => SecurityRequirement::new(scheme, Vec::<String>::new()),
            };
            schemes.iter().map(one).collect()
        }
        Proof::Policy if *policy == Policy::PUBLIC => Vec::new(),
        Proof::Policy => {
            let bearer = SecurityRequirement::new(BEARER, policy.scopes().iter().copied());
            if policy.admits_strangers() { vec![nobody, bearer] } else { vec![bearer] }
        }
    }
}

/// All of it, under the names by which operations refer to it.
pub(super) fn fill(components: &mut Components) {
    for (name, parameter) in parameters() {
        components.parameters.insert(name.to_owned(), parameter.into());
    }
    for (name, header) in headers() {
        components.headers.insert(name.to_owned(), header.into());
    }
    components.security_schemes.insert(BEARER.to_owned(), bearer().into());
}

pub(super) fn parameter_ref(name: &str) -> Ref {
    Ref::new(format!("#/components/parameters/{name}"))
}
