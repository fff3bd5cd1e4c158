//! [`Draft`]: what the arguments of a handler say of its operation.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Content, RefOr, Required};

use super::handler::Schemas;
use crate::envelope::{ErrorCode, codes};

/// What is known of an operation.
#[derive(Default)]
pub struct Draft {
    pub(super) schemas: Schemas,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<RequestBody>,
    pub(super) errors: Vec<&'static ErrorCode>,
}

impl Draft {
    /// A body in JSON that has to be there.
    pub(super) fn takes_json(&mut self, schema: RefOr<Schema>) {
        self.body = Some(body("application/json", schema).required(Some(Required::True)).build());
        self.errors.extend([
            &codes::BAD_JSON,
            &codes::TOO_SLOW,
            &codes::TOO_LARGE,
            &codes::MEDIA_TYPE,
        ]);
    }

    pub(super) fn takes_query(&mut self, parameters: Vec<Parameter>) {
        let said = parameters.into_iter().map(|mut own| {
            own.schema = own.schema.map(not_null);
            own
        });
        self.parameters.extend(said);
        self.fails(&codes::VALIDATION);
    }

    /// It reads this header.
    pub fn takes_header(&mut self, name: &str, what: &str, required: bool) {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(if required { Required::True } else { Required::False })
            .description(Some(what))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        self.parameters.retain(|own| own.name != name);
        self.parameters.push(parameter.build());
    }

    /// It can fail with this code.
    pub fn fails(&mut self, code: &'static ErrorCode) {
        self.errors.push(code);
    }
}

/// A parameter may be missing; that it is null nobody can say.
fn not_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    let is_null = |own: &RefOr<Schema>| matches!(own, RefOr::T(Schema::Object(own)) if own.schema_type == SchemaType::Type(Type::Null));
    match schema {
        RefOr::T(Schema::OneOf(mut own)) => match own.items.iter().position(|one| !is_null(one)) {
            Some(place) => own.items.swap_remove(place),
            None => RefOr::T(Schema::OneOf(own)),
        },
        RefOr::T(Schema::Object(mut own)) => {
            if let SchemaType::Array(kinds) = &own.schema_type
                && let Some(kind) = kinds.iter().find(|kind| **kind != Type::Null)
            {
                own.schema_type = SchemaType::Type(kind.clone());
            }
            RefOr::T(Schema::Object(own))
        }
        other => other,
    }
}

fn body(media_type: &str, schema: RefOr<Schema>) -> RequestBodyBuilder {
    RequestBodyBuilder::new().content(media_type, Content::new(Some(schema)))
}
