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
mod finish;
mod handler;
mod operation;
mod page;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use actix_web::http::Method;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathsBuilder};
use utoipa::openapi::response::Response;
use utoipa::openapi::security::SecurityScheme;
use utoipa::openapi::tag::Tag;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, Info, InfoBuilder, License, OpenApi, OpenApiBuilder, PathItem, RefOr,
};

use crate::envelope::{ErrorCode, codes};
use crate::policy::Policy;

pub use common::{CLIENT, client_secret, cookie};
pub use draft::Draft;
pub use handler::{Gives, Schemas, Takes};
pub use operation::Operation;
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
        finish::finish(&mut document);
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
                if let operation::Payload::Data(data) = &answer.payload
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
