use chrono::DateTime;

use super::*;
use crate::domain::client::ClientId;

type Checked = Result<(), Box<dyn std::error::Error>>;

fn client(policy: &str) -> Result<Client, Box<dyn std::error::Error>> {
    let mut client = Client::new(ClientId::parse("c")?);
    client.scopes = "a b".parse()?;
    client.audiences = ["x", "y"].map(str::to_owned).into();
    client.session_policy = policy.parse()?;
    Ok(client)
}

fn asked(scope: Option<&str>, audiences: &[&str], session: &str) -> TokenAsk {
    TokenAsk {
        scope: scope.and_then(|scope| scope.parse().ok()),
        audiences: audiences.iter().map(|name| (*name).to_owned()).collect(),
        session: Session::parse(session).ok(),
    }
}

fn granted(client: &Client, ask: TokenAsk) -> Result<Claims, GrantRefusal> {
    let terms = Terms { issuer: "i".to_owned(), token_ttl_s: 300 };
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
    grant_client_credentials(client, ask, &terms, now)
}

#[test]
fn a_token_holds_what_was_asked_and_at_most_what_the_client_may_have() -> Checked {
    let client = client("none")?;
    let all = granted(&client, asked(None, &[], ""))?;
    assert_eq!((all.scope.to_string().as_str(), all.aud.len()), ("a b", 2));
    let some = granted(&client, asked(Some("b"), &["y"], ""))?;
    assert_eq!((some.scope.to_string().as_str(), some.aud), ("b", vec!["y".to_owned()]));
    assert_eq!(granted(&client, asked(Some("b c"), &[], "")), Err(GrantRefusal::Scope));
    assert_eq!(granted(&client, asked(None, &["x", "z"], "")), Err(GrantRefusal::Audience));
    Ok(())
}

#[test]
fn a_token_with_a_session_is_a_root_and_lives_as_long_as_its_policy_says() -> Checked {
    let session = r#"{"companyId":7,"userId":1}"#;
    let policy = r#"{"assert":{"companies":[7],"max_ttl_s":60}}"#;
    let claims = granted(&client(policy)?, asked(None, &[], session))?;
    assert_eq!(claims.sid.as_ref(), Some(&claims.jti));
    assert_eq!(claims.exp - claims.iat, 60);
    let longer = r#"{"assert":{"companies":[7],"max_ttl_s":6000}}"#;
    let claims = granted(&client(longer)?, asked(None, &[], session))?;
    assert_eq!(claims.exp - claims.iat, 300);
    let own = granted(&client(policy)?, asked(None, &[], ""))?;
    assert_eq!((own.exp - own.iat, own.sid), (300, None));
    Ok(())
}

#[test]
fn a_token_is_not_issued_within_the_second_in_which_those_like_it_were_revoked() -> Checked {
    let claims = granted(&client("none")?, asked(None, &[], ""))?;
    let iat = claims.iat;
    for (before, seconds) in [(None, 0), (Some(iat - 1), 0), (Some(iat), 1), (Some(iat + 1), 2)] {
        assert_eq!(seconds_to_wait(&claims, before), seconds, "{before:?}");
    }
    let later = dated_later(claims.clone(), 1);
    assert_eq!(later.map(|later| (later.iat, later.exp)), Some((iat + 1, claims.exp)));
    assert_eq!(dated_later(claims, 300), None);
    Ok(())
}
