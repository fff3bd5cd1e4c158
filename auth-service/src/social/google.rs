//! Google: OpenID Connect. Its user info is that of OpenID Connect Core section 5.3.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::person::Provider;
use crate::domain::social::SocialRefusal;
use crate::domain::social::profile::{Address, Profile};
use crate::social::client::{Defaults, UserInfo};

pub(super) const DEFAULTS: Defaults = Defaults {
    path_name: "google",
    authorization_url: "https://accounts.google.com/o/oauth2/v2/auth",
    token_url: "https://oauth2.googleapis.com/token",
    user_info_url: "https://openidconnect.googleapis.com/v1/userinfo",
    scopes: &["openid", "email", "profile"],
};
pub(super) const JWKS_URL: &str = "https://www.googleapis.com/oauth2/v3/certs";
/// Google writes it in either way.
pub(super) const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

#[derive(Deserialize)]
pub(super) struct GoogleUser {
    sub: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    email_verified: Option<bool>,
    #[serde(default)]
    name: Option<String>,
}

impl UserInfo for GoogleUser {
    fn profile(self) -> Result<Profile, SocialRefusal> {
        let address = Address::new(self.email, self.email_verified);
        Profile::new(Provider::Google, &self.sub, (address, self.name.as_deref()))
    }
}

/// It has been a text, too. What is neither yes nor no verifies nothing.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        Value::Bool(flag) => Some(flag),
        other => Some(other == "true"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::social::client::read;

    /// As the provider documents it.
    fn documented() -> Value {
        json!({"sub": "110248495921238986420", "name": "Given Family", "given_name": "Given",
            "family_name": "Family", "email": "given@example.com", "email_verified": true,
            "picture": "https://lh4.googleusercontent.com/photo.jpg", "locale": "en", "hd": "example.com"})
    }

    #[test]
    fn a_user_of_google_has_his_subject_name_and_verified_address() -> Result<(), SocialRefusal> {
        let found = read::<GoogleUser>(documented().to_string().as_bytes())?;
        let identity = found.identity;
        assert_eq!(identity.subject, "110248495921238986420");
        assert_eq!(identity.email.as_deref(), Some("given@example.com"));
        assert_eq!(identity.name.as_deref(), Some("Given Family"));
        assert_eq!(identity.provider, Provider::Google);
        Ok(())
    }

    #[test]
    fn an_address_counts_only_where_google_says_yes() -> Result<(), SocialRefusal> {
        let table = [
            (json!(true), (true, false)),
            (json!("true"), (true, false)),
            (json!(false), (false, true)),
            (json!("false"), (false, true)),
            (json!("TRUE"), (false, true)),
            (json!(1), (false, true)),
            (json!(null), (false, false)),
        ];
        for (flag, expected) in table {
            let mut user = documented();
            user["email_verified"] = flag.clone();
            let found = read::<GoogleUser>(user.to_string().as_bytes())?;
            assert_eq!((found.identity.email.is_some(), found.is_unverified), expected, "{flag}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_user_info_is_refused() {
        for body in
            ["", "[]", "<html>", "{}", r#"{"sub":1}"#, r#"{"sub":""}"#, r#"{"sub":"1","sub":"2"}"#]
        {
            let found = read::<GoogleUser>(body.as_bytes());
            assert!(matches!(found, Err(SocialRefusal::Away(_))), "{body}");
        }
    }
}
