//! Answers: the envelope around data, and the failures with their codes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AnyOfBuilder, ArrayItems, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr};

use super::operation::{Answer, Operation, Payload};
use super::words::{formatted, one_of, text};
use crate::envelope::{ErrorCode, Language, codes};
use crate::policy::Policy;

/// The schema of a failure.
pub(super) const FAILURE: &str = "Failure";
pub(super) const ERROR_CODE: &str = "ErrorCode";
pub(super) const INVALID_INPUT: &str = "InvalidInput";
pub(super) const OAUTH_ERROR: &str = "OAuthError";
const AT: &str = "2026-07-18T16:26:04.517582Z";

fn null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Null)
}

/// The members that every answer has.
fn envelope(success: bool, statuses: (i32, i32)) -> ObjectBuilder {
    let boolean = ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([success]));
    let example = if success { "OK" } else { codes::UNEXPECTED.en };
    let message = text().description(Some("A sentence in the caller's language."));
    let message = message.examples([example]);
    let status = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(statuses.0))
        .maximum(Some(statuses.1))
        .description(Some("The status of the answer, again."));
    let required = ["success", "message", "data", "errorCode", "statusCode", "timestamp"];
    required.into_iter().fold(
        ObjectBuilder::new()
            .property("success", boolean)
            .property("message", message)
            .property("data", null())
            .property("errorCode", null())
            .property("statusCode", status)
            .property(
                "timestamp",
                formatted("date-time").description(Some("When it was answered, in UTC.")),
            ),
        ObjectBuilder::required,
    )
}

/// The envelope around this data.
pub(super) fn success(data: RefOr<Schema>) -> ObjectBuilder {
    let mut members = envelope(true, (200, 299)).build();
    members.properties.insert("data".to_owned(), data);
    members.into()
}

/// Its name is made of that of its data.
pub(super) fn success_name(data: &RefOr<Schema>) -> Option<String> {
    match data {
        RefOr::Ref(own) => Some(format!("{}Answer", own.ref_location.rsplit('/').next()?)),
        RefOr::T(Schema::Object(own)) if own.schema_type == SchemaType::Type(Type::Null) => {
            Some("EmptyAnswer".to_owned())
        }
        RefOr::T(Schema::Array(list)) => match &list.items {
            ArrayItems::RefOrSchema(one) => match &**one {
                RefOr::Ref(one) => {
                    Some(format!("{}ListAnswer", one.ref_location.rsplit('/').next()?))
                }
                RefOr::T(_) => None,
            },
            ArrayItems::False => None,
        },
        RefOr::T(_) => None,
    }
}

/// A failure: what its code says of it is in `data`.
pub(super) fn failure(details: &[(&'static str, String)]) -> Schema {
    let what = details.iter().map(|(code, name)| format!("{code}: {name}"));
    let what = what.collect::<Vec<_>>().join("; ");
    let data = details.iter().fold(AnyOfBuilder::new().item(null()), |data, (_, name)| {
        data.item(Ref::from_schema_name(name.clone()))
    });
    let data = data.description(Some(format!("Particulars, where there are any ({what})")));
    let mut members = envelope(false, (400, 599))
        .description(Some("What every failure is answered with."))
        .build();
    members.properties.insert("data".to_owned(), Schema::AnyOf(data.build()).into());
    let code = Ref::from_schema_name(ERROR_CODE);
    members.properties.insert("errorCode".to_owned(), code.into());
    members.into()
}

pub(super) fn error_code(all: &BTreeMap<String, &'static ErrorCode>) -> Schema {
    let meanings = all.values().map(|one| format!("- `{}` ({}): {}", one.code, one.status, one.en));
    let meanings = meanings.collect::<Vec<_>>().join("\n");
    let what = format!("Decide by this, never by the message.\n\n{meanings}");
    let names: BTreeSet<&str> = all.values().map(|one| one.code).collect();
    one_of(names).description(Some(what)).into()
}

pub(super) fn invalid_input() -> Schema {
    let words = [
        ("field", "The field, as it was sent."),
        ("rule", "A stable word for the rule, for example `required`, `max`, `format`."),
        ("message", "What is asked for, in English."),
    ];
    let field = words.into_iter().fold(ObjectBuilder::new(), |field, (name, what)| {
        field.property(name, text().description(Some(what))).required(name)
    });
    let fields = utoipa::openapi::ArrayBuilder::new().items(field).min_items(Some(1));
    ObjectBuilder::new()
        .description(Some("Which fields break which rules."))
        .property("fields", fields)
        .required("fields")
        .into()
}

pub(super) fn oauth_error(codes: &BTreeSet<&'static str>) -> Schema {
    ObjectBuilder::new()
        .description(Some("RFC 6749 section 5.2."))
        .property("error", one_of(codes.iter().copied()))
        .required("error")
        .property("error_description", text().description(Some("For whoever writes the client.")))
        .required("error_description")
        .into()
}

/// A code may stand with several statuses.
pub(super) fn example_name(code: &ErrorCode) -> String {
    format!("{}_{}", code.code, code.status)
}

/// A failure with this code, as an example.
pub(super) fn example(code: &'static ErrorCode) -> Example {
    let data = if *code == codes::VALIDATION {
        json!({"fields": [{"field": "limit", "rule": "range", "message": "1 to 200"}]})
    } else {
        Value::Null
    };
    let value = json!({
        "success": false, "message": code.sentence(Language::English), "data": data,
        "errorCode": code.code, "statusCode": code.status, "timestamp": AT,
    });
    ExampleBuilder::new().summary(code.en).value(Some(value)).build()
}

/// What a route can answer before its handler is asked, by its policy.
pub(super) fn refusals(policy: &Policy) -> Vec<&'static ErrorCode> {
    let mut refusals = vec![
        &codes::TOKEN_INVALID,
        &codes::TOKEN_EXPIRED,
        &codes::TOKEN_REVOKED,
        // Its keys cannot be had.
        &codes::UNAVAILABLE,
    ];
    if !policy.admits_strangers() {
        refusals.push(&codes::SESSION_REQUIRED);
    }
    if !policy.scopes().is_empty() {
        refusals.push(&codes::SCOPE_MISSING);
    }
    if !policy.roles().is_empty() {
        refusals.push(&codes::ROLE_MISSING);
    }
    refusals
}

impl Operation {
    /// The ways in which it ends well.
    pub(super) fn good(&self) -> BTreeMap<String, RefOr<Response>> {
        let shown = |(status, answer): (&u16, &Answer)| (status.to_string(), good(answer).into());
        self.answers.iter().map(shown).collect()
    }

    /// The ways in which it fails, by status.
    ///
    /// What many have in common is written once, under a name made of its codes.
    pub(super) fn bad(
        &self,
        refusals: &[&'static ErrorCode],
        shared: &mut BTreeMap<String, RefOr<Response>>,
    ) -> BTreeMap<String, RefOr<Response>> {
        let mut by_status: BTreeMap<u16, BTreeMap<&'static str, &'static ErrorCode>> =
            BTreeMap::new();
        for code in self.draft.errors.iter().chain(refusals) {
            by_status.entry(code.status).or_default().insert(code.code, code);
        }
        for status in self.oauth_errors.keys() {
            by_status.entry(*status).or_default();
        }
        let mut shown = |(status, own): (u16, BTreeMap<&'static str, &'static ErrorCode>)| {
            let oauth = self.oauth_errors.get(&status).copied().unwrap_or_default();
            let response = bad(status, &own, oauth).into();
            if !oauth.is_empty() {
                return (status.to_string(), response);
            }
            let name = format!("{}_{status}", own.keys().copied().collect::<Vec<_>>().join("_"));
            let reference = Ref::from_response_name(name.clone()).into();
            shared.insert(name, response);
            (status.to_string(), reference)
        };
        by_status.into_iter().map(&mut shown).collect()
    }
}

fn good(answer: &Answer) -> Response {
    let response = ResponseBuilder::new().description(answer.what);
    let response = match &answer.payload {
        Payload::Nothing => response,
        Payload::Data(data) => {
            let schema = match success_name(data) {
                Some(name) => Ref::from_schema_name(name).into(),
                None => RefOr::T(success(data.clone()).into()),
            };
            response.content("application/json", Content::new(Some(schema)))
        }
        Payload::Bare(media_type, Some(schema)) => {
            response.content(*media_type, Content::new(Some(schema.clone())))
        }
        Payload::Bare(media_type, None) => {
            let schema = if media_type.starts_with("text/") { text() } else { formatted("binary") };
            response.content(*media_type, Content::new(Some(RefOr::T(Schema::from(schema)))))
        }
    };
    let response = answer
        .headers
        .iter()
        .fold(response, |response, (name, what)| response.header(*name, header(what)));
    response.header_ref("X-Request-Id", header_ref("X-Request-Id")).build()
}

fn bad(
    status: u16,
    own: &BTreeMap<&'static str, &'static ErrorCode>,
    oauth: &[&'static str],
) -> Response {
    let mut meanings: Vec<String> =
        own.values().map(|code| format!("`{}` {}", code.code, code.en)).collect();
    meanings.extend(oauth.iter().map(|code| format!("`{code}`")));
    let mut response = ResponseBuilder::new().description(meanings.join("  \n"));
    if !own.is_empty() && oauth.is_empty() {
        let examples = own.values().map(|code| {
            let place = format!("#/components/examples/{}", example_name(code));
            (code.code, RefOr::<Example>::Ref(Ref::new(place)))
        });
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(FAILURE)))
            .examples_from_iter(examples);
        response = response.content("application/json", content.build());
    } else {
        let schema = one_shape(own, oauth);
        response = response.content("application/json", Content::new(Some(schema)));
    }
    let codes: Vec<&str> = own.keys().copied().chain(oauth.iter().copied()).collect();
    response =
        response.extensions(Some(ExtensionsBuilder::new().add("x-error-codes", codes).build()));
    let needed: &[&str] = match status {
        401 => &["WWW-Authenticate"],
        403 if own.contains_key(codes::SCOPE_MISSING.code) => &["WWW-Authenticate"],
        409 if own.contains_key(codes::REQUEST_RUNNING.code) => &["Retry-After"],
        429 | 503 => &["Retry-After"],
        _ => &[],
    };
    let names = needed.iter().chain(&["X-Request-Id"]);
    names.fold(response, |response, name| response.header_ref(*name, header_ref(name))).build()
}

/// OAuth's own errors, and those of the server around it.
fn one_shape(own: &BTreeMap<&'static str, &'static ErrorCode>, oauth: &[&str]) -> RefOr<Schema> {
    let oauth_error = Ref::from_schema_name(OAUTH_ERROR);
    if own.is_empty() || oauth.is_empty() {
        return oauth_error.into();
    }
    let both = AnyOfBuilder::new().item(oauth_error).item(Ref::from_schema_name(FAILURE));
    RefOr::T(Schema::AnyOf(both.build()))
}

fn header(what: &str) -> Header {
    HeaderBuilder::new().description(Some(what)).schema(Some(text())).build()
}

fn header_ref(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}
