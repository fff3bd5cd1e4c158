use chrono::DateTime;
use shared::Session;

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
        session: Session::parse(session).map_or(MaybeAsked::Nobody, MaybeAsked::Session),
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
fn a_token_is_a_root_and_lives_as_long_as_its_policy_says() -> Checked {
    let session = r#"{"companyId":7,"userId":1}"#;
    let policy = r#"{"assert":{"companies":[7],"max_ttl_s":60}}"#;
    let claims = granted(&client(policy)?, asked(None, &[], session))?;
    assert_eq!(claims.sid.as_ref(), Some(&claims.jti));
    assert_eq!(claims.exp - claims.iat, 60);
    let longer = r#"{"assert":{"companies":[7],"max_ttl_s":6000}}"#;
    let claims = granted(&client(longer)?, asked(None, &[], session))?;
    assert_eq!(claims.exp - claims.iat, 300);
    let own = granted(&client(policy)?, asked(None, &[], ""))?;
    assert_eq!((own.exp - own.iat, own.sid), (300, Some(own.jti)));
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

#[test]
fn every_token_has_an_id_of_its_own() {
    let mut ids = TokenIds::with_capacity(3);
    let made: std::collections::HashSet<String> = (0..1_000).map(|_| ids.next_id()).collect();
    assert_eq!(made.len(), 1_000);
    assert!(made.iter().all(|id| Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 4)));
}

/// What a policy and a session are made of, from a handful of values each, so that they often meet.
mod random {
    use std::collections::BTreeMap;

    use proptest::collection::{btree_map, btree_set, vec};
    use proptest::prelude::{Just, Strategy, any, prop_oneof};
    use serde_json::{Map, Value, json};

    pub(super) fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(json!("a")),
            Just(json!("b")),
            Just(json!(1)),
            Just(json!(true)),
            Just(json!(["a"])),
            Just(json!({"a": {"b": "a"}})),
        ]
    }

    fn ids() -> impl Strategy<Value = Value> {
        prop_oneof![Just(json!("any")), btree_set(1..5_i64, 0..4).prop_map(|ids| json!(ids))]
    }

    fn words() -> impl Strategy<Value = Value> {
        let word = prop_oneof![Just("clerk"), Just("admin"), Just("")];
        prop_oneof![Just(json!("any")), vec(word, 0..3).prop_map(|words| json!(words))]
    }

    fn attributes() -> impl Strategy<Value = Value> {
        let values = prop_oneof![Just(json!("any")), vec(value(), 0..3).prop_map(Value::from)];
        let named = btree_map(prop_oneof![Just("team"), Just("plan")], values, 0..3);
        prop_oneof![Just(json!("any")), named.prop_map(|named| json!(named))]
    }

    /// As it stands in a file; a member that is left out is denied, or for users allowed.
    pub(super) fn bounds() -> impl Strategy<Value = Value> {
        let parts = (ids(), ids(), words(), attributes(), any::<[bool; 3]>());
        parts.prop_map(|(companies, users, roles, attributes, written)| {
            let mut bounds = Map::from_iter([("companies".to_owned(), companies)]);
            let others = [("users", users), ("roles", roles), ("attributes", attributes)];
            for ((name, allowed), written) in others.into_iter().zip(written) {
                if written {
                    bounds.insert(name.to_owned(), allowed);
                }
            }
            Value::Object(bounds)
        })
    }

    pub(super) fn session() -> impl Strategy<Value = Value> {
        let roles = vec(prop_oneof![Just("clerk"), Just("admin"), Just("")], 0..3);
        let more = btree_map(prop_oneof![Just("team"), Just("plan")], value(), 0..3);
        let parts = (1..5_i64, 1..5_i64, roles, more);
        parts.prop_map(|(company, user, roles, more): (_, _, _, BTreeMap<&str, Value>)| {
            let mut session = json!({"companyId": company, "userId": user, "roles": roles});
            for (name, value) in more {
                session[name] = value;
            }
            session
        })
    }
}

/// The rules once more, on the JSON itself, with nothing of the code that they check.
fn allows(bounds: &serde_json::Value, session: &serde_json::Value) -> bool {
    use serde_json::Value;
    let among = |allowed: &Value, value: &Value| {
        allowed == "any" || allowed.as_array().is_some_and(|listed| listed.contains(value))
    };
    let users = bounds.get("users").cloned().unwrap_or("any".into());
    let roles = bounds.get("roles").cloned().unwrap_or(Value::Array(Vec::new()));
    let known = ["companyId", "userId", "roles"];
    let further = session.as_object().into_iter().flatten();
    let mut further = further.filter(|(name, _)| !known.contains(&name.as_str()));
    let attributes = &bounds["attributes"];
    among(&bounds["companies"], &session["companyId"])
        && among(&users, &session["userId"])
        && session["roles"].as_array().is_some_and(|own| own.iter().all(|role| among(&roles, role)))
        && further.all(|(name, value)| attributes == "any" || among(&attributes[name], value))
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

    /// And every session that its policy allows gets a token: a rule that refuses all would pass otherwise.
    #[test]
    fn no_issued_token_holds_a_session_that_its_policy_refuses(
        bounds in random::bounds(),
        session in random::session(),
    ) {
        let policy = serde_json::json!({"assert": bounds}).to_string();
        let client = client(&policy).map_err(|error| proptest::test_runner::TestCaseError::fail(error.to_string()))?;
        let verdict = granted(&client, asked(None, &[], &session.to_string()));
        proptest::prop_assert_eq!(verdict.is_ok(), allows(&bounds, &session), "{} {}", policy, session);
        if let Ok(claims) = verdict {
            proptest::prop_assert_eq!(claims.session, Session::parse(&session.to_string()).ok());
        }
    }
}
