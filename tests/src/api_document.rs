//! [`ApiDocument`]: what a service says of itself, held against what it answers.

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Answer;

/// A service's document.
pub struct ApiDocument(pub Value);

/// An operation of it.
pub struct Operation<'d> {
    pub method: Method,
    pub path: &'d str,
    pub body: &'d Value,
}

impl ApiDocument {
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.0["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            item.as_object().expect("operations").iter().map(move |(method, body)| Operation {
                method: method.to_uppercase().parse().expect("a method"),
                path,
                body,
            })
        });
        operations.collect()
    }

    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let place = value["$ref"].as_str().and_then(|place| place.strip_prefix('#'));
        place.map_or(value, |place| self.0.pointer(place).expect("what is referred to"))
    }

    /// What the document says of this answer.
    pub fn response(&self, (method, path): (&str, &str), status: u16) -> &Value {
        let operation = &self.0["paths"][path][method];
        assert!(!operation.is_null(), "{method} {path} is an operation");
        let response = &operation["responses"][status.to_string()];
        assert!(!response.is_null(), "{method} {path} says that it answers {status}");
        self.resolve(response)
    }

    /// Holds an answer against what the document says of it: its status, its code, its body, its headers.
    pub fn check(&self, operation: (&str, &str), answer: &Answer) {
        let response = self.response(operation, answer.status);
        let at = format!("{operation:?} {}: {}", answer.status, answer.text);
        let code = answer.body["errorCode"].as_str().or(answer.body["error"].as_str());
        if let Some(code) = code {
            let codes = response["x-error-codes"].as_array().expect("codes");
            assert!(codes.contains(&json!(code)), "{at} is none of {codes:?}");
        }
        for name in ["ETag", "Retry-After", "WWW-Authenticate", "Location"] {
            let said = !response["headers"][name].is_null();
            let given = !answer.header(&name.to_lowercase()).is_empty();
            // Of answers of one status, some say when to come back.
            let may_be_missing = name == "Retry-After";
            assert!(said == given || said && may_be_missing, "{name} of {at}: {said}, {given}");
        }
        let Some(contents) = response["content"].as_object() else {
            assert_eq!(answer.text, "", "{at} has no body");
            return;
        };
        let media_type = answer.header("content-type").split(';').next().unwrap_or_default();
        let schema = contents.get(media_type).map(|content| &content["schema"]);
        let schema = schema.unwrap_or_else(|| panic!("{at} is not {media_type}"));
        if media_type.ends_with("json") {
            let errors: Vec<String> = self
                .validator(schema)
                .iter_errors(&answer.body)
                .map(|own| own.to_string())
                .collect();
            assert!(errors.is_empty(), "{at}: {errors:?}");
        }
    }

    fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({"allOf": [schema], "components": self.0["components"]});
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&whole)
            .expect("a schema")
    }
}
