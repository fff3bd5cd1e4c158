//! What the providers answer, each in the shape that it documents.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Fault, Grant, Inner};

/// Naver writes the lifetime as a text.
pub(super) fn tokens(provider: &str, access_token: &str, id_token: Option<String>) -> Value {
    match provider {
        "google" => {
            json!({"access_token": access_token, "expires_in": 3599, "token_type": "Bearer",
            "scope": "openid email profile", "id_token": id_token})
        }
        "naver" => {
            json!({"access_token": access_token, "refresh_token": "c8ceMEJisO4Se7uGCEYKK1p5",
            "token_type": "bearer", "expires_in": "3600"})
        }
        _ => json!({"token_type": "bearer", "access_token": access_token, "expires_in": 43199,
            "refresh_token": "b9RdPnIq8YqZzY0S", "refresh_token_expires_in": 5_184_000,
            "scope": "account_email profile_nickname"}),
    }
}

pub(super) fn id_token(inner: &Inner, grant: &Grant) -> String {
    let fault = *inner.fault.lock().unwrap();
    let wrong = |this: Fault, value: &str, right: String| {
        if fault == Some(this) { value.to_owned() } else { right }
    };
    let now_s = chrono::Utc::now().timestamp();
    let begins = if fault == Some(Fault::ExpiredIdToken) { now_s - 7200 } else { now_s };
    let claims = json!({
        "iss": wrong(Fault::WrongIss, "https://other.example", inner.issuer()),
        "azp": grant.client_id,
        "aud": wrong(Fault::WrongAud, "another-client", grant.client_id.clone()),
        "sub": grant.somebody.subject,
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
        "nonce": wrong(Fault::WrongNonce, "another-nonce", grant.nonce.clone().unwrap_or_default()),
        "iat": begins,
        "exp": begins + 3600,
    });
    let signer = if fault == Some(Fault::ForeignKey) { &inner.stranger } else { &inner.google };
    let header = json!({"alg": "RS256", "kid": inner.google.signer().kid(), "typ": "JWT"});
    if fault == Some(Fault::Unsigned) {
        let encoded = |text: Value| URL_SAFE_NO_PAD.encode(text.to_string());
        return format!("{}.{}.", encoded(json!({"alg": "none", "typ": "JWT"})), encoded(claims));
    }
    let signed = signer.sign_raw(header.to_string(), claims.to_string());
    signed.unwrap().expose().to_owned()
}

pub(super) fn user_info(grant: &Grant, fault: Option<Fault>) -> Value {
    let somebody = &grant.somebody;
    let (email, name) = (&somebody.email, &somebody.name);
    let other = fault == Some(Fault::SubMismatch);
    let shape = match grant.provider.as_str() {
        "google" => json!({"sub": if other { "9999" } else { &somebody.subject }, "name": name,
            "given_name": name, "picture": "https://lh3.googleusercontent.com/a/photo",
            "email": email, "email_verified": somebody.verified}),
        "naver" if fault == Some(Fault::NaverResultcode) => {
            json!({"resultcode": "024", "message": "Authentication failed"})
        }
        "naver" => json!({"resultcode": "00", "message": "success",
            "response": {"id": somebody.subject, "email": email, "name": name, "nickname": name}}),
        _ => json!({"id": somebody.subject.parse::<u64>().unwrap(),
            "connected_at": "2026-04-11T01:45:28Z", "properties": {"nickname": name},
            "kakao_account": {"profile": {"nickname": name}, "has_email": email.is_some(),
                "email": email, "is_email_valid": somebody.valid,
                "is_email_verified": somebody.verified}}),
    };
    without_nulls(shape)
}

/// What a provider has not got it leaves out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.into_iter().filter(|(_, value)| !value.is_null());
            there.map(|(name, value)| (name, without_nulls(value))).collect()
        }
        other => other,
    }
}
