//! [`Document`]: what a service can be asked, as OpenAPI 3.1, made from its routes and from the types of its handlers; and
//! a page that shows it.
//!
//! A service gives each of its routes an [`Operation`] and hangs the document on its routes
//! ([`Routes::documented`](crate::routes::Routes::documented)). What the policy of a route refuses, what the server around it
//! answers, and the envelope are added here. A route without an operation, or the other way round, keeps the service from
//! starting, as one without a policy does.

mod answers;
mod common;
mod draft;
mod example;
mod handler;
mod page;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use actix_web::http::Method;
use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathsBuilder};
use utoipa::openapi::response::Response;
use utoipa::openapi::security::SecurityScheme;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, Info, InfoBuilder, License, OpenApi, OpenApiBuilder, PathItem, RefOr,
};
use utoipa::openapi::{Content, schema::Schema, tag::Tag};

use crate::envelope::{ErrorCode, codes};
use crate::policy::Policy;

pub use common::{CLIENT, client_secret, cookie};
pub use draft::{Draft, Operation};
pub use handler::{Gives, Schemas, Takes};
pub(crate) use page::Described;
#[cfg(feature = "process")]
pub use page::print;
pub use page::to_json;
pub use words::{formatted, number, one_of, text, uuid};
pub use {utoipa, utoipa::IntoParams, utoipa::ToSchema};

#[cfg(feature = "store")]
impl Takes for crate::idempotency::MaybeKey {
    fn describe(draft: &mut Draft) {
        let (name, what) = common::IDEMPOTENCY_KEY;
        draft.takes_header(name, what, false);
        for code in [&codes::VALIDATION, &codes::REQUEST_RUNNING, &codes::IDEMPOTENCY_KEY_REUSED] {
            draft.fails(code);
        }
    }
}

/// What the routes of a service demand of their callers, by method and path
/// ([`Routes::policies`](crate::routes::Routes::policies)).
pub type Policies = HashMap<(Method, String), Policy>;

/// What the routes of a service do not say, but its document has to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct DocumentError(Vec<String>);

#[cfg(feature = "process")]
impl DocumentError {
    fn of(wrong: &str) -> Self {
        Self(vec![wrong.to_owned()])
    }
}

/// The document of a service that is being put together.
pub struct Document {
    info: Info,
    tags: Vec<Tag>,
    operations: Vec<(&'static str, Operation)>,
    /// Schemas of the data that comes with a failure of this code.
    details: Vec<(&'static str, String)>,
    schemas: Schemas,
    schemes: Vec<(&'static str, SecurityScheme)>,
    reads_tokens: fn(&str) -> bool,
}

impl Document {
    /// Of the service of this name and version: `env!("CARGO_PKG_NAME")` and `env!("CARGO_PKG_VERSION")`.
    #[must_use]
    pub fn new(name: &str, version: &str, about: &str) -> Self {
        let mut license = License::new("MIT OR Apache-2.0");
        license.identifier = Some("MIT OR Apache-2.0".to_owned());
        let info = InfoBuilder::new().title(name).version(version).description(Some(about));
        Self {
            info: info.license(Some(license)).build(),
            tags: Vec::new(),
            operations: Vec::new(),
            details: vec![(codes::VALIDATION.code, answers::INVALID_INPUT.to_owned())],
            schemas: Vec::new(),
            schemes: Vec::new(),
            reads_tokens: |_| true,
        }
    }

    /// Operations that belong together, under a name.
    #[must_use]
    pub fn group(
        mut self,
        (name, about): (&'static str, &str),
        operations: impl IntoIterator<Item = Operation>,
    ) -> Self {
        self.tags.push(TagBuilder::new().name(name).description(Some(about)).build());
        self.operations.extend(operations.into_iter().map(|operation| (name, operation)));
        self
    }

    /// Failures of this code come with such data.
    #[must_use]
    pub fn detail<T: ToSchema>(mut self, code: &'static ErrorCode) -> Self {
        handler::schema_of::<T>(&mut self.schemas);
        self.details.push((code.code, T::name().into_owned()));
        self
    }

    /// Another way in which callers prove who they are; operations name it
    /// ([`proved_by`](Operation::proved_by)).
    #[must_use]
    pub fn scheme(mut self, name: &'static str, scheme: SecurityScheme) -> Self {
        self.schemes.push((name, scheme));
        self
    }

    /// Bearer tokens are looked at on these paths only, and cannot be refused elsewhere.
    #[must_use]
    pub fn tokens_on(mut self, reads_tokens: fn(&str) -> bool) -> Self {
        self.reads_tokens = reads_tokens;
        self
    }

    /// The document, with what these routes ask of their callers.
    ///
    /// # Errors
    /// A [`DocumentError`] that names each route without an operation, each operation without a route, and what else is
    /// missing.
    pub fn of(mut self, policies: &Policies) -> Result<OpenApi, DocumentError> {
        let wrong = self.check(policies);
        if !wrong.is_empty() {
            return Err(DocumentError(wrong));
        }
        let mut components = Components::new();
        common::fill(&mut components);
        self.add_schemes(&mut components);
        self.add_schemas(&mut components);
        self.add_failures(&mut components, policies);
        let mut paths = PathsBuilder::new();
        for (tag, operation) in &self.operations {
            let policy = &policies[&(operation.method.clone(), operation.path.to_owned())];
            let shown = self.shown((tag, operation), policy, &mut components.responses);
            let item = PathItem::new(http_method(&operation.method), shown);
            paths = paths.path(operation.path, item);
        }
        let mut document = OpenApiBuilder::new()
            .info(self.info)
            .servers(Some([utoipa::openapi::Server::new("/")]))
            .paths(paths)
            .components(Some(components))
            .tags(Some(self.tags))
            .build();
        drop_unused(&mut document);
        add_examples(&mut document);
        Ok(document)
    }

    pub(crate) fn check(&self, policies: &Policies) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut undocumented: BTreeSet<_> = policies.keys().map(shown_key).collect();
        let mut ids = BTreeSet::new();
        for (_, operation) in &self.operations {
            let name = format!("{} {}", operation.method, operation.path);
            if !policies.contains_key(&(operation.method.clone(), operation.path.to_owned())) {
                wrong.push(format!("{name} is documented and no route"));
            }
            undocumented.remove(&name);
            if operation.id.is_empty() || operation.answers.is_empty() {
                wrong.push(format!("{name} has no name, or does not say how it ends well"));
            } else if !ids.insert(operation.id) {
                wrong.push(format!("{} is the name of two operations", operation.id));
            }
            let parts = parts(operation.path)
                .filter(|part| !operation.draft.parameters.iter().any(|own| own.name == *part));
            wrong.extend(parts.map(|part| format!("{name} does not say what {part} is")));
        }
        wrong.extend(undocumented.into_iter().map(|route| format!("{route} is not documented")));
        wrong
    }

    fn add_schemes(&self, components: &mut Components) {
        for (name, scheme) in &self.schemes {
            components.security_schemes.insert((*name).to_owned(), scheme.clone().into());
        }
    }

    fn add_schemas(&mut self, components: &mut Components) {
        let mut schemas = std::mem::take(&mut self.schemas);
        for (_, operation) in &mut self.operations {
            schemas.append(&mut operation.draft.schemas);
            for answer in operation.answers.values() {
                if let draft::Payload::Data(data) = &answer.payload
                    && let Some(name) = answers::success_name(data)
                {
                    schemas.push((name, RefOr::T(answers::success(data.clone()).into())));
                }
            }
        }
        schemas.push((answers::FAILURE.to_owned(), answers::failure(&self.details).into()));
        schemas.push((answers::INVALID_INPUT.to_owned(), answers::invalid_input().into()));
        let oauth: BTreeSet<&str> = self
            .operations
            .iter()
            .flat_map(|(_, own)| own.oauth_errors.values())
            .flat_map(|codes| codes.iter().copied())
            .collect();
        if !oauth.is_empty() {
            schemas.push((answers::OAUTH_ERROR.to_owned(), answers::oauth_error(&oauth).into()));
        }
        components.schemas.extend(schemas);
    }

    /// Every code that is answered anywhere here, and what it looks like.
    fn add_failures(&self, components: &mut Components, policies: &Policies) {
        let mut all = BTreeMap::new();
        for (_, operation) in &self.operations {
            let policy = &policies[&(operation.method.clone(), operation.path.to_owned())];
            let codes =
                operation.draft.errors.iter().copied().chain(self.refusals(operation, policy));
            all.extend(codes.map(|code| (answers::example_name(code), code)));
        }
        for (name, code) in &all {
            components.examples.insert(name.clone(), answers::example(code).into());
        }
        components.schemas.insert(answers::ERROR_CODE.to_owned(), answers::error_code(&all).into());
    }

    fn refusals(&self, operation: &Operation, policy: &Policy) -> Vec<&'static ErrorCode> {
        let mut refusals = vec![&codes::UNEXPECTED];
        if (self.reads_tokens)(operation.path) {
            refusals.extend(answers::refusals(policy));
        }
        refusals
    }

    fn shown(
        &self,
        (tag, operation): (&str, &Operation),
        policy: &Policy,
        shared: &mut BTreeMap<String, RefOr<Response>>,
    ) -> OperationBuilder {
        let mut responses = operation.good();
        responses.extend(operation.bad(&self.refusals(operation, policy), shared));
        let own = operation.draft.parameters.iter().cloned();
        let mut shown = OperationBuilder::new()
            .tag(tag)
            .operation_id(Some(operation.id))
            .summary(Some(operation.summary))
            .description(operation.description)
            .parameters(Some(own))
            .request_body(operation.draft.body.clone())
            .responses(utoipa::openapi::Responses::from_iter(responses))
            .securities(Some(common::security(operation, policy)));
        for name in common::EVERYWHERE {
            shown = shown.parameter_ref(common::parameter_ref(name));
        }
        shown
    }
}

fn shown_key((method, path): &(Method, String)) -> String {
    format!("{method} {path}")
}

/// The names in the template of a path.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| part.split('}').next())
}

fn http_method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        Method::HEAD => HttpMethod::Head,
        Method::OPTIONS => HttpMethod::Options,
        _ => HttpMethod::Get,
    }
}

/// Schemas that nothing refers to: those of types whose fields are described by hand.
fn drop_unused(document: &mut OpenApi) {
    while let Ok(text) = document.to_json()
        && let Some(components) = &mut document.components
    {
        let before = components.schemas.len();
        let is_used = |name: &String| text.contains(&format!("\"#/components/schemas/{name}\""));
        components.schemas.retain(|name, _| is_used(name));
        if components.schemas.len() == before {
            return;
        }
    }
}

/// Bodies that have no example get one from their schema.
fn add_examples(document: &mut OpenApi) {
    let schemas = document.components.as_ref().map(|own| serde_json::to_value(&own.schemas));
    let schemas = schemas.and_then(Result::ok).unwrap_or_default();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content.values_mut().for_each(|content| add_example(content, &schemas));
            }
            for (status, response) in &mut operation.responses.responses {
                let RefOr::T(response) = response else { continue };
                for content in response.content.values_mut() {
                    add_example(content, &schemas);
                    repeat_status(content, status);
                }
            }
        }
    }
}

/// Answers of one schema are given with several statuses.
fn repeat_status(content: &mut RefOr<Content>, status: &str) {
    let RefOr::T(content) = content else { return };
    let said = content.example.as_mut().and_then(|own| own.get_mut("statusCode"));
    if let (Some(said), Ok(status)) = (said, status.parse::<u16>()) {
        *said = status.into();
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    let PathItem { get, put, post, delete, options, head, patch, .. } = item;
    [get, put, post, delete, options, head, patch].into_iter().flatten()
}

fn add_example(content: &mut RefOr<Content>, schemas: &Value) {
    let RefOr::T(content) = content else { return };
    let is_bytes =
        matches!(&content.schema, Some(RefOr::T(Schema::Object(own))) if own.properties.is_empty());
    if !content.examples.is_empty() || content.example.is_some() || is_bytes {
        return;
    }
    let schema = content.schema.as_ref().map(serde_json::to_value).and_then(Result::ok);
    content.example = schema.map(|schema| example::example(&schema, schemas));
}
