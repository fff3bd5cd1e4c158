//! What a `WWW-Authenticate` says about the token (RFC 9110 section 11.6.1, RFC 6750 section 3).

/// Whether one of the challenges is of the scheme `Bearer` and says `error="invalid_token"`. Several challenges may
/// stand in one field, parameters may be quoted or not, and neither schemes nor names have a case.
pub(super) fn says_invalid_token(field: &str) -> bool {
    let mut bearer = false;
    split(field).any(|part| {
        let (scheme, parameter) = scheme_and_rest(part);
        if let Some(scheme) = scheme {
            bearer = scheme.eq_ignore_ascii_case("bearer");
        }
        bearer && is_invalid_token(parameter)
    })
}

/// At the commas that stand outside of quotation marks.
fn split(field: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    field.split(move |character| {
        let separates = character == ',' && !quoted;
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && character == '\\' && !escaped;
        separates
    })
}

/// A part begins with a scheme if its first word is not the name of a parameter.
fn scheme_and_rest(part: &str) -> (Option<&str>, &str) {
    let part = part.trim();
    let end = part.find([' ', '\t', '=']).unwrap_or(part.len());
    let (word, rest) = part.split_at(end);
    if rest.trim_start().starts_with('=') { (None, part) } else { (Some(word), rest.trim_start()) }
}

fn is_invalid_token(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("error") && value.trim().trim_matches('"') == "invalid_token"
}

#[cfg(test)]
mod tests {
    use super::says_invalid_token;

    #[test]
    fn the_error_is_found_however_it_is_written() {
        let fields = [
            r#"Bearer error="invalid_token""#,
            "Bearer error=invalid_token",
            r#"bearer ERROR = "invalid_token""#,
            r#"Bearer realm="a, b", error="invalid_token", error_description="x""#,
            r#"Basic realm="x", Bearer realm="y", error="invalid_token""#,
            r#"Basic realm="x",Bearer error=invalid_token,Digest nonce="z""#,
            r#"Bearer realm="a \" , b",error="invalid_token""#,
            r#"Negotiate, Bearer error="invalid_token""#,
            "  Bearer   error=\tinvalid_token  ",
        ];
        for field in fields {
            assert!(says_invalid_token(field), "{field}");
        }
    }

    #[test]
    fn nothing_else_is_taken_for_it() {
        let fields = [
            "",
            "Bearer",
            r#"Bearer error="invalid_request""#,
            r#"Bearer error="insufficient_scope""#,
            r#"Bearer error_description="error=invalid_token""#,
            r#"Bearer realm="x, error=invalid_token""#,
            r#"Bearer realm="x\", error=invalid_token""#,
            r#"Basic error="invalid_token""#,
            r#"Bearer realm="x", Basic error="invalid_token""#,
            r#"DPoP error="invalid_token""#,
            "error=invalid_token",
            "Bearer error=invalid_tokens",
        ];
        for field in fields {
            assert!(!says_invalid_token(field), "{field}");
        }
    }
}
