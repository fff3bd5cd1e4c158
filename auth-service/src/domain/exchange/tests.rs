use chrono::DateTime;
use shared::Session;

use super::*;
use crate::domain::client::ClientId;

type Failure = Box<dyn std::error::Error>;

const NOW_S: i64 = 1_800_000_000;

fn subject(aud: &str, scope: &str) -> Result<Claims, Failure> {
    Ok(Claims {
        iss: "i".to_owned(),
        sub: "200".to_owned(),
        aud: vec![aud.to_owned()],
        client_id: "web".to_owned(),
        scope: scope.parse()?,
        iat: NOW_S - 100,
        exp: NOW_S + 200,
        nbf: None,
        jti: "root".to_owned(),
        session: Some(Session::parse(r#"{"companyId":7,"userId":200,"roles":["clerk"]}"#)?),
        sid: Some("login".to_owned()),
        auth_time: None,
        act: None,
        handoff: None,
    })
}

fn service(id: &str, scope: &str, exchange: &[&str]) -> Result<Client, Failure> {
    let mut client = Client::new(ClientId::parse(id)?);
    client.scopes = scope.parse()?;
    client.exchange = exchange.iter().map(|name| (*name).to_owned()).collect();
    Ok(client)
}

fn exchanged(
    client: &Client,
    subject: Claims,
    (target, scope): (&str, Option<&str>),
) -> Result<Claims, ExchangeRefusal> {
    let audiences = target.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let scope = scope.and_then(|scope| scope.parse().ok());
    let terms = Terms { issuer: "i".to_owned(), token_ttl_s: 300 };
    let now = DateTime::from_timestamp(NOW_S, 0).unwrap_or_default();
    exchange(client, ExchangeAsk { subject, audiences, scope }, &terms, now)
}

#[test]
fn session_root_and_subject_go_on_and_the_actors_are_nested() -> Result<(), Failure> {
    let order = service("order", "a b", &["file"])?;
    let file = service("file", "b c", &["batch"])?;
    let root = subject("order", "a b c")?;
    let first = exchanged(&order, root.clone(), ("file", None))?;
    let second = exchanged(&file, first.clone(), ("batch", None))?;
    for token in [&first, &second] {
        assert_eq!((&token.session, &token.sid, &token.sub), (&root.session, &root.sid, &root.sub));
        assert!(token.exp <= root.exp);
        assert_ne!(token.jti, root.jti);
    }
    assert_eq!((first.scope.to_string(), second.scope.to_string()), ("a b".into(), "b".into()));
    assert_eq!((first.aud, second.aud), (vec!["file".to_owned()], vec!["batch".to_owned()]));
    let acting = json!({"sub": "file", "act": {"sub": "order", "act": {"sub": "web"}}});
    assert_eq!(second.act, Some(acting));
    assert_eq!((first.auth_time, second.auth_time), (Some(root.iat), Some(root.iat)));
    assert_eq!(second.client_id, "file");
    Ok(())
}

#[test]
fn nobody_gets_more_than_the_token_and_his_own_rights_hold() -> Result<(), Failure> {
    let order = service("order", "a b", &["file"])?;
    let table = [
        (("order", "a b"), ("file", Some("a b")), None),
        (("order", "a"), ("file", Some("a b")), Some(ExchangeRefusal::Scope)),
        (("order", "a c"), ("file", Some("c")), Some(ExchangeRefusal::Scope)),
        (("order", "c"), ("file", None), Some(ExchangeRefusal::Scope)),
        (("order", "a"), ("user", None), Some(ExchangeRefusal::Target)),
        (("order", "a"), ("file user", None), Some(ExchangeRefusal::Target)),
        (("order", "a"), ("", None), Some(ExchangeRefusal::NoTarget)),
        (("user", "a"), ("file", None), Some(ExchangeRefusal::NotRecipient)),
    ];
    for ((aud, scope), ask, expected) in table {
        let verdict = exchanged(&order, subject(aud, scope)?, ask);
        assert_eq!(verdict.err(), expected, "{aud} {scope} {ask:?}");
    }
    let nobody = service("order", "a", &[])?;
    let verdict = exchanged(&nobody, subject("order", "a")?, ("file", None));
    assert_eq!(verdict, Err(ExchangeRefusal::NotAllowed));
    Ok(())
}

/// Verifiers allow for clocks that differ; the issuer does not lengthen a life by that.
#[test]
fn an_expired_token_is_not_brought_back_to_life() -> Result<(), Failure> {
    let order = service("order", "a", &["file"])?;
    let expired = Claims { exp: NOW_S, ..subject("order", "a")? };
    assert_eq!(exchanged(&order, expired, ("file", None)), Err(ExchangeRefusal::Expired));
    let long = Claims { exp: NOW_S + 3000, ..subject("order", "a")? };
    assert_eq!(exchanged(&order, long, ("file", None))?.exp, NOW_S + 300);
    Ok(())
}

#[test]
fn a_token_cannot_go_round_in_circles_for_ever() -> Result<(), Failure> {
    let echo = service("echo", "a", &["echo"])?;
    let mut token = subject("echo", "a")?;
    for _ in 0..MAX_ACTORS {
        token = exchanged(&echo, token, ("echo", None))?;
    }
    assert_eq!(exchanged(&echo, token, ("echo", None)), Err(ExchangeRefusal::TooManyActors));
    Ok(())
}

#[test]
fn a_token_without_a_root_becomes_one() -> Result<(), Failure> {
    let order = service("order", "a", &["file"])?;
    let rootless = Claims { sid: None, ..subject("order", "a")? };
    assert_eq!(exchanged(&order, rootless, ("file", None))?.sid.as_deref(), Some("root"));
    Ok(())
}
