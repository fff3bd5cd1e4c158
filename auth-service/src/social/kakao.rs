//! Kakao: OAuth 2.0 with a profile of its own shape. An address has two flags, and counts where both say yes: verified
//! (`is_email_verified`), and still the user's own (`is_email_valid`; no longer, once another account of Kakao has it).

use serde::Deserialize;

use crate::domain::person::Provider;
use crate::domain::social::SocialRefusal;
use crate::domain::social::profile::{Address, Profile};
use crate::social::client::{Defaults, UserInfo};

pub(super) const DEFAULTS: Defaults = Defaults {
    path_name: "kakao",
    authorization_url: "https://kauth.kakao.com/oauth/authorize",
    token_url: "https://kauth.kakao.com/oauth/token",
    user_info_url: "https://kapi.kakao.com/v2/user/me",
    // Without any, Kakao asks for the consent items of the application; one that it does not have is an error, and not
    // every application may have the address.
    scopes: &[],
};

#[derive(Deserialize)]
pub(super) struct KakaoUser {
    id: u64,
    #[serde(default)]
    kakao_account: Option<KakaoAccount>,
}

#[derive(Deserialize)]
struct KakaoAccount {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    is_email_valid: Option<bool>,
    #[serde(default)]
    is_email_verified: Option<bool>,
    #[serde(default)]
    profile: Option<KakaoProfile>,
}

#[derive(Deserialize)]
struct KakaoProfile {
    #[serde(default)]
    nickname: Option<String>,
}

impl UserInfo for KakaoUser {
    fn profile(self) -> Result<Profile, SocialRefusal> {
        let (address, profile) = match self.kakao_account {
            Some(account) => {
                let verified = both(account.is_email_valid, account.is_email_verified);
                (Address::new(account.email, verified), account.profile)
            }
            None => (Address::None, None),
        };
        let name = profile.and_then(|profile| profile.nickname);
        Profile::new(Provider::Kakao, &self.id.to_string(), (address, name.as_deref()))
    }
}

/// One no is a no; a yes takes two.
fn both(valid: Option<bool>, verified: Option<bool>) -> Option<bool> {
    match (valid, verified) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::social::client::read;

    /// As the provider documents it.
    fn documented() -> Value {
        json!({"id": 123_456_789, "connected_at": "2022-04-11T01:45:28Z",
            "kakao_account": {"profile_nickname_needs_agreement": false,
                "profile": {"nickname": "닉네임", "is_default_image": false},
                "name_needs_agreement": false, "name": "닉네임",
                "email_needs_agreement": false, "is_email_valid": true, "is_email_verified": true,
                "email": "sample@sample.com", "age_range": "20~29"},
            "properties": {"nickname": "닉네임"}, "for_partner": {"uuid": "uuid"}})
    }

    #[test]
    fn a_user_of_kakao_has_his_id_nickname_and_verified_address() -> Result<(), SocialRefusal> {
        let found = read::<KakaoUser>(documented().to_string().as_bytes())?;
        let identity = found.identity;
        assert_eq!(identity.subject, "123456789");
        assert_eq!(identity.email.as_deref(), Some("sample@sample.com"));
        assert_eq!(identity.name.as_deref(), Some("닉네임"));
        assert_eq!(identity.provider, Provider::Kakao);
        Ok(())
    }

    #[test]
    fn an_address_counts_only_where_kakao_says_yes_twice() -> Result<(), SocialRefusal> {
        let (yes, no, nothing) = (json!(true), json!(false), json!(null));
        let table = [
            (&yes, &yes, (true, false)),
            (&yes, &no, (false, true)),
            (&no, &yes, (false, true)),
            (&no, &no, (false, true)),
            (&no, &nothing, (false, true)),
            (&yes, &nothing, (false, false)),
            (&nothing, &yes, (false, false)),
            (&nothing, &nothing, (false, false)),
        ];
        for (valid, verified, expected) in table {
            let mut user = documented();
            user["kakao_account"]["is_email_valid"] = valid.clone();
            user["kakao_account"]["is_email_verified"] = verified.clone();
            let found = read::<KakaoUser>(user.to_string().as_bytes())?;
            let found = (found.identity.email.is_some(), found.is_unverified);
            assert_eq!(found, expected, "{valid} {verified}");
        }
        Ok(())
    }

    #[test]
    fn who_gives_no_address_or_no_account_is_known_by_his_id() -> Result<(), SocialRefusal> {
        let mut user = documented();
        user["kakao_account"] = json!({"has_email": true, "email_needs_agreement": true});
        for user in [user, json!({"id": 123_456_789})] {
            let found = read::<KakaoUser>(user.to_string().as_bytes())?;
            assert_eq!((found.identity.email, found.is_unverified), (None, false), "{user}");
            assert_eq!(found.identity.subject, "123456789");
            assert_eq!(found.identity.name.as_deref(), Some("KAKAO"));
        }
        Ok(())
    }
}
