//! The last touches to a document: nothing in it that nobody refers to, an example of each body.

use serde_json::Value;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Content, OpenApi, PathItem, RefOr};

use super::example::example;

pub(super) fn finish(document: &mut OpenApi) {
    drop_unused(document);
    add_examples(document);
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
    content.example = schema.map(|schema| example(&schema, schemas));
}
