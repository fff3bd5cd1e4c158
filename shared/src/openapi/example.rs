//! Examples of bodies, put together from those of their fields: nobody writes them twice, and they fit their schema.

use serde_json::{Map, Value, json};

/// Where schemas refer to themselves.
const DEEPEST: usize = 12;

/// An example of this schema. `schemas` are those that it may refer to.
pub(super) fn example(schema: &Value, schemas: &Value) -> Value {
    of(schema, schemas, DEEPEST)
}

fn of(schema: &Value, schemas: &Value, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    let own = schema["examples"].get(0).or_else(|| schema.get("example"));
    if let Some(own) = own.or_else(|| schema.get("default").filter(|own| !own.is_null())) {
        return own.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|own| own.rsplit('/').next()) {
        return of(&schemas[name], schemas, depth - 1);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(|part| of(part, schemas, depth - 1));
        return parts.fold(json!({}), merged);
    }
    let choices = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    if let Some(choices) = choices {
        let said = choices.iter().find(|one| one["type"] != "null");
        return said.map_or(Value::Null, |one| of(one, schemas, depth - 1));
    }
    of_type(schema, schemas, depth)
}

fn merged(mut whole: Value, part: Value) -> Value {
    if let (Some(whole), Value::Object(part)) = (whole.as_object_mut(), part) {
        whole.extend(part);
    }
    whole
}

fn of_type(schema: &Value, schemas: &Value, depth: usize) -> Value {
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").unwrap_or(&Value::Null),
        kind => kind,
    };
    match kind.as_str() {
        Some("object") => object(schema, schemas, depth),
        Some("array") => json!([of(&schema["items"], schemas, depth - 1)]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => json!(text(schema["format"].as_str().unwrap_or_default())),
        _ => Value::Null,
    }
}

fn object(schema: &Value, schemas: &Value, depth: usize) -> Value {
    let mut object = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        object.insert(name.clone(), of(property, schemas, depth - 1));
    }
    let others = &schema["additionalProperties"];
    if others.is_object() {
        object.insert("name".to_owned(), of(others, schemas, depth - 1));
    }
    Value::Object(object)
}

fn text(format: &str) -> &'static str {
    match format {
        "date-time" => "2026-07-18T16:26:04.517582Z",
        "date" => "2026-07-18",
        "uuid" => "019c1d52-6a3e-7c1b-9f70-2f4a5c6d7e8f",
        "email" => "min@hanbit.example",
        "uri" => "https://files.hanbit.example/",
        "password" => "turtles all the way down",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_made_of_those_of_the_fields() {
        let schemas = json!({
            "Line": {"type": "object", "properties": {
                "product": {"type": "string", "examples": ["pen"]},
                "quantity": {"type": "integer", "minimum": 1},
                "paidAt": {"type": ["string", "null"], "format": "date-time"},
                "state": {"type": "string", "enum": ["PAID", "OPEN"]},
            }},
            "Loop": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Loop"}}},
        });
        let list = json!({"type": "array", "items": {"$ref": "#/components/schemas/Line"}});
        let line = json!({
            "product": "pen", "quantity": 1, "paidAt": "2026-07-18T16:26:04.517582Z", "state": "PAID",
        });
        assert_eq!(example(&list, &schemas), json!([line]));
        let maybe = json!({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Line"}]});
        assert_eq!(example(&maybe, &schemas), line);
        assert!(example(&schemas["Loop"], &schemas).is_object());
    }
}
