//! Who may link an identity to an account: a person with a login of his own, who has just proved who he is.

use shared::{Claims, UserId};

use crate::domain::social::SocialRefusal;
use crate::logins::CLIENT_ID;

/// A login that is no older proves as much as a password, in seconds.
const FRESH_S: i64 = 300;

/// The user whose own token this is: not one by which a service acts for him.
pub(crate) fn person(claims: &Claims) -> Result<UserId, SocialRefusal> {
    let user = claims.session.as_ref().map(shared::Session::user_id);
    let own = |user: &UserId| {
        claims.client_id == CLIENT_ID && claims.act.is_none() && claims.sub == user.to_string()
    };
    user.filter(own).ok_or(SocialRefusal::NotAPerson)
}

/// Whether he has logged in just now. A token that was refreshed is young, its login is not: that one counts.
pub(crate) fn is_fresh(claims: &Claims, now_s: i64) -> bool {
    now_s.saturating_sub(claims.root_time()) < FRESH_S
}

#[cfg(test)]
mod tests {
    use shared::{CompanyId, Scopes, Session};

    use super::*;

    fn claims() -> Claims {
        Claims {
            iss: "https://auth.test".to_owned(),
            sub: "1".to_owned(),
            aud: vec!["auth-service".to_owned()],
            client_id: CLIENT_ID.to_owned(),
            scope: Scopes::default(),
            iat: 10_000,
            exp: 10_600,
            nbf: None,
            jti: "jti".to_owned(),
            session: Some(Session::new(CompanyId::MIN, UserId::MIN)),
            sid: Some("login".to_owned()),
            auth_time: Some(9_900),
            act: None,
            handoff: None,
        }
    }

    #[test]
    fn only_a_persons_own_token_counts() {
        assert_eq!(person(&claims()), Ok(UserId::MIN));
        let others = [
            Claims { client_id: "order-service".to_owned(), ..claims() },
            Claims { sub: "account".to_owned(), ..claims() },
            Claims { act: Some(serde_json::json!({"sub": "order-service"})), ..claims() },
            Claims { session: None, ..claims() },
        ];
        for other in others {
            assert_eq!(person(&other), Err(SocialRefusal::NotAPerson), "{other:?}");
        }
    }

    #[test]
    fn a_login_is_fresh_for_five_minutes_however_young_its_token_is() {
        assert!(is_fresh(&claims(), 10_199));
        assert!(!is_fresh(&claims(), 10_200));
        // The first token of a login is as old as the login.
        assert!(is_fresh(&Claims { auth_time: None, ..claims() }, 10_299));
        assert!(!is_fresh(&Claims { auth_time: None, ..claims() }, 10_300));
    }
}
