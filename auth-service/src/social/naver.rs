//! Naver: OAuth 2.0 with a profile of its own shape.
//!
//! The profile carries no flag that says whether an address is verified, and the address in it is the *contact* address
//! of the user: any one, of any host, that he has entered. Only an address of `naver.com` is one that Naver itself gives
//! out, to the very user whose profile it is; it counts as verified. Any other is left out: the account is known by
//! Naver's id alone, and no account is found, joined or blocked by what somebody has entered there.

use serde::Deserialize;

use crate::domain::person::Provider;
use crate::domain::social::SocialRefusal;
use crate::domain::social::profile::{Address, Profile};
use crate::social::client::{Defaults, UserInfo};

pub(super) const DEFAULTS: Defaults = Defaults {
    path_name: "naver",
    authorization_url: "https://nid.naver.com/oauth2.0/authorize",
    token_url: "https://nid.naver.com/oauth2.0/token",
    user_info_url: "https://openapi.naver.com/v1/nid/me",
    // Naver knows none: what an application gets is set up where it is registered.
    scopes: &[],
};
const SUCCESS: &str = "00";
/// The host whose addresses Naver gives out itself.
const OWN_HOST: &str = "naver.com";

#[derive(Deserialize)]
pub(super) struct NaverUser {
    resultcode: String,
    #[serde(default)]
    response: Option<NaverProfile>,
}

#[derive(Deserialize)]
struct NaverProfile {
    id: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    nickname: Option<String>,
}

impl UserInfo for NaverUser {
    fn profile(self) -> Result<Profile, SocialRefusal> {
        let profile = self.response.filter(|_| self.resultcode == SUCCESS);
        let profile = profile.ok_or_else(|| SocialRefusal::Away("no success".to_owned()))?;
        let is_own = profile.email.as_deref().is_some_and(is_own_address);
        let address = Address::new(profile.email, is_own.then_some(true));
        let name = profile.name.or(profile.nickname);
        Profile::new(Provider::Naver, &profile.id, (address, name.as_deref()))
    }
}

fn is_own_address(email: &str) -> bool {
    email.rsplit_once('@').is_some_and(|(_, host)| host.eq_ignore_ascii_case(OWN_HOST))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::social::client::read;

    /// As the provider documents it.
    fn documented() -> Value {
        json!({"resultcode": "00", "message": "success", "response": {"email": "openapi@naver.com",
            "nickname": "OpenAPI", "profile_image": "https://ssl.pstatic.net/static/pwe/address/nodata.gif",
            "age": "40-49", "gender": "F", "id": "32742776", "name": "오픈 API", "birthday": "10-01",
            "birthyear": "1900", "mobile": "010-0000-0000"}})
    }

    #[test]
    fn a_user_of_naver_has_his_id_name_and_address_of_naver() -> Result<(), SocialRefusal> {
        let found = read::<NaverUser>(documented().to_string().as_bytes())?;
        let identity = found.identity;
        assert_eq!(identity.subject, "32742776");
        assert_eq!(identity.email.as_deref(), Some("openapi@naver.com"));
        assert_eq!(identity.name.as_deref(), Some("오픈 API"));
        assert_eq!(identity.provider, Provider::Naver);
        Ok(())
    }

    #[test]
    fn any_other_address_is_left_out_and_the_user_is_not() -> Result<(), SocialRefusal> {
        let others = [
            "somebody@gmail.com",
            "a@notnaver.com",
            "a@naver.com.example.com",
            "a@naver.com@example.com",
            "naver.com",
            "@naver.com",
            "a@mail.naver.com",
            "a@naver.com ",
        ];
        for other in others {
            let mut user = documented();
            user["response"]["email"] = json!(other);
            let found = read::<NaverUser>(user.to_string().as_bytes())?;
            assert_eq!((found.identity.email, found.is_unverified), (None, false), "{other}");
        }
        Ok(())
    }

    #[test]
    fn a_profile_without_success_is_none() {
        for change in
            [json!({"resultcode": "024"}), json!({"response": null}), json!({"resultcode": 0})]
        {
            let mut user = documented();
            for (name, value) in change.as_object().into_iter().flatten() {
                user[name] = value.clone();
            }
            let found = read::<NaverUser>(user.to_string().as_bytes());
            assert!(matches!(found, Err(SocialRefusal::Away(_))), "{change}");
        }
    }
}
