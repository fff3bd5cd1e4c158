//! What a handler's own type says of its operation: [`Takes`] of its arguments, [`Gives`] of its answer.

use actix_web::web::{Bytes, Data, Json, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoParams, ToSchema};

use super::draft::Draft;
use crate::extractor::{Caller, MaybeSession};
use crate::reply::ApiResponse;
use crate::session::Session;

/// Schemas by their names, as they are collected.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// An argument of a handler: what a caller has to send for it. Implement it for extractors of your own; one that looks at
/// nothing a caller would have to know of does nothing.
pub trait Takes {
    /// Writes it down.
    fn describe(draft: &mut Draft);
}

macro_rules! takes_nothing {
    ($($name:ty),*) => {$(
        impl Takes for $name {
            fn describe(_: &mut Draft) {}
        }
    )*};
}

takes_nothing!((), Bytes, Payload, HttpRequest, Session, MaybeSession, Caller);

impl<T> Takes for Data<T> {
    fn describe(_: &mut Draft) {}
}

/// Its names stand in the template of the path.
impl<T> Takes for Path<T> {
    fn describe(_: &mut Draft) {}
}

impl<T: ToSchema> Takes for Json<T> {
    fn describe(draft: &mut Draft) {
        let schema = schema_of::<T>(&mut draft.schemas);
        draft.takes_json(schema);
    }
}

impl<T: IntoParams> Takes for Query<T> {
    fn describe(draft: &mut Draft) {
        draft.takes_query(T::into_params(|| Some(ParameterIn::Query)));
    }
}

macro_rules! takes_all {
    ($($name:ident),*) => {
        impl<$($name: Takes),*> Takes for ($($name,)*) {
            fn describe(draft: &mut Draft) {
                $($name::describe(draft);)*
            }
        }
    };
}

takes_all!(A);
takes_all!(A, B);
takes_all!(A, B, C);
takes_all!(A, B, C, D);
takes_all!(A, B, C, D, E);

/// The answer of a handler: the schema of its `data`, where its type tells.
pub trait Gives {
    /// The schema; none where the type does not tell.
    fn data(schemas: &mut Schemas) -> Option<RefOr<Schema>>;
}

impl<T: ToSchema> Gives for ApiResponse<T> {
    fn data(schemas: &mut Schemas) -> Option<RefOr<Schema>> {
        Some(schema_of::<T>(schemas))
    }
}

impl Gives for HttpResponse {
    fn data(_: &mut Schemas) -> Option<RefOr<Schema>> {
        None
    }
}

#[cfg(feature = "store")]
impl Gives for crate::idempotency::KeptAnswer {
    fn data(_: &mut Schemas) -> Option<RefOr<Schema>> {
        None
    }
}

impl<T: Gives, E> Gives for Result<T, E> {
    fn data(schemas: &mut Schemas) -> Option<RefOr<Schema>> {
        T::data(schemas)
    }
}

/// A reference to the type's schema, which is collected with all that it refers to. What is no object has no name.
pub(crate) fn schema_of<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let schema = T::schema();
    T::schemas(schemas);
    if !is_named(&schema) {
        return schema;
    }
    let name = T::name().into_owned();
    schemas.push((name.clone(), schema));
    Ref::from_schema_name(name).into()
}

fn is_named(schema: &RefOr<Schema>) -> bool {
    match schema {
        RefOr::Ref(_) => false,
        RefOr::T(Schema::Array(_)) => false,
        RefOr::T(Schema::Object(own)) => own.schema_type != SchemaType::Type(Type::Null),
        RefOr::T(_) => true,
    }
}
