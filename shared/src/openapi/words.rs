//! Schemas that everybody needs: ids, moments, names out of a list.

use std::borrow::Cow;

use serde_json::Value;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::reply::Nothing;
use crate::session::{CompanyId, Session, UserId};

/// A text.
#[must_use]
pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A UUID.
#[must_use]
pub fn uuid() -> ObjectBuilder {
    formatted("uuid")
}

/// A text in a format of JSON Schema, for example `date-time`.
#[must_use]
pub fn formatted(format: &str) -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom(format.to_owned())))
}

/// A whole number from 1 on, in 64 bits.
#[must_use]
pub fn number() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(1_i64))
}

/// One of these names.
#[must_use]
pub fn one_of<T: Into<Value>>(names: impl IntoIterator<Item = T>) -> ObjectBuilder {
    text().enum_values(Some(names))
}

macro_rules! ids {
    ($($name:ident $what:literal $example:literal),*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                number().description(Some($what)).examples([Value::from($example)]).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

ids!(CompanyId "A company." 100, UserId "A user of a company." 200);

impl PartialSchema for Nothing {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Null).into()
    }
}

impl ToSchema for Nothing {}

impl PartialSchema for Session {
    fn schema() -> RefOr<Schema> {
        let what = "Who calls: a user of a company, perhaps with roles and further attributes.";
        session().description(Some(what)).into()
    }
}

fn session() -> ObjectBuilder {
    let roles = ArrayBuilder::new().items(text().examples(["clerk"]));
    let more = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    ObjectBuilder::new()
        .property("companyId", Ref::from_schema_name(CompanyId::name()))
        .required("companyId")
        .property("userId", Ref::from_schema_name(UserId::name()))
        .required("userId")
        .property("roles", roles)
        .additional_properties(Some(Schema::from(more)))
}

impl ToSchema for Session {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((CompanyId::name().into_owned(), CompanyId::schema()));
        schemas.push((UserId::name().into_owned(), UserId::schema()));
    }
}

/// What `GET /api/session` shows.
pub(super) struct ShownSession;

impl PartialSchema for ShownSession {
    fn schema() -> RefOr<Schema> {
        let loaded = formatted("date-time").description(Some("When it was loaded here."));
        session().property("doDT", loaded).required("doDT").into()
    }
}

impl ToSchema for ShownSession {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Session::schemas(schemas);
    }
}
