//! What each kind hits, and nothing else. No network, and no time but the one that is handed in.

use serde_json::json;
use shared::{Claims, CompanyId, Revocation, RevocationKind, Revocations, Session, UserId};

use crate::{NOW_S, entry};

use RevocationKind::{All, Client, Company, Jti, Sid, Sub, User};

const EVERY_KIND: [RevocationKind; 7] = [Jti, Sid, Sub, User, Company, Client, All];

fn claims(sub: &str, client: &str, session: Option<(i64, i64)>) -> Claims {
    let session = session.map(|(company, user)| {
        let company = CompanyId::try_from(company).unwrap();
        Session::new(company, UserId::try_from(user).unwrap())
    });
    Claims {
        iss: "https://issuer.test".to_owned(),
        sub: sub.to_owned(),
        aud: vec!["order-service".to_owned()],
        client_id: client.to_owned(),
        scope: Default::default(),
        iat: NOW_S,
        exp: NOW_S + 300,
        nbf: None,
        jti: "the-token".to_owned(),
        session,
        sid: None,
        auth_time: None,
        act: None,
        handoff: None,
    }
}

fn with(entries: impl IntoIterator<Item = Revocation>) -> Revocations {
    let revocations = Revocations::new();
    entries.into_iter().for_each(|entry| revocations.insert(entry));
    revocations
}

fn hit_by(claims: &Claims, kind: RevocationKind, value: &str) -> bool {
    with([entry(1, kind, value)]).hits(claims, NOW_S)
}

/// Which of the kinds hit these claims with this value.
fn kinds_that_hit(claims: &Claims, value: &str) -> Vec<RevocationKind> {
    EVERY_KIND.into_iter().filter(|kind| hit_by(claims, *kind, value)).collect()
}

#[test]
fn each_kind_hits_the_claim_that_it_names_and_no_other() {
    let mut everything = claims("the-subject", "the-client", Some((100, 200)));
    everything.sid = Some("the-login".to_owned());
    everything.act =
        Some(json!({"sub": "gateway", "act": {"sub": "batch", "act": {"sub": "old"}}}));
    let table = [
        ("the-token", vec![Jti, All]),
        ("the-login", vec![Sid, All]),
        ("the-subject", vec![Sub, All]),
        ("200", vec![User, All]),
        ("100", vec![Company, All]),
        ("the-client", vec![Client, All]),
        ("gateway", vec![Client, All]),
        ("batch", vec![Client, All]),
        ("old", vec![Client, All]),
        ("order-service", vec![All]),
        ("https://issuer.test", vec![All]),
        ("", vec![All]),
        ("THE-TOKEN", vec![All]),
        ("0200", vec![All]),
        ("20", vec![All]),
    ];
    for (value, kinds) in table {
        assert_eq!(kinds_that_hit(&everything, value), kinds, "{value}");
    }
}

/// T27.
#[test]
fn a_client_that_is_called_200_is_not_the_user_200() {
    let client = claims("200", "200", None);
    let login = claims("200", "web", None);
    let acting = claims("batch", "batch", Some((100, 200)));
    assert_eq!(kinds_that_hit(&client, "200"), [Client, All]);
    assert_eq!(kinds_that_hit(&login, "200"), [Sub, All]);
    assert_eq!(kinds_that_hit(&acting, "200"), [User, All]);
    assert_eq!(kinds_that_hit(&acting, "batch"), [Client, All]);
    let company_of_that_number = claims("batch", "batch", Some((200, 7)));
    assert_eq!(kinds_that_hit(&company_of_that_number, "200"), [Company, All]);
}

#[test]
fn an_actor_that_is_not_named_by_a_text_is_nobody() {
    for act in [json!("200"), json!({"sub": 200}), json!([{"sub": "200"}]), json!({"act": "200"})] {
        let mut odd = claims("the-subject", "the-client", None);
        odd.act = Some(act);
        assert_eq!(kinds_that_hit(&odd, "200"), [All]);
    }
}

#[test]
fn a_bounded_kind_hits_what_was_issued_until_then_and_a_single_token_or_login_whenever() {
    let mut young = claims("the-subject", "the-client", Some((100, 200)));
    young.sid = Some("the-login".to_owned());
    let old = young.clone();
    young.iat = NOW_S + 1;
    let targets = ["the-token", "the-login", "the-subject", "200", "100", "the-client", ""];
    for (kind, value) in EVERY_KIND.into_iter().zip(targets) {
        assert!(hit_by(&old, kind, value), "{kind:?}");
        assert_eq!(hit_by(&young, kind, value), matches!(kind, Jti | Sid), "{kind:?}");
        let unbounded = with([Revocation { before: None, ..entry(1, kind, value) }]);
        assert!(unbounded.hits(&young, NOW_S), "{kind:?}: without a bound nothing is let in");
        assert_eq!(unbounded.latest_before(&young), None, "{kind:?}");
    }
}

#[test]
fn several_entries_for_one_target_reach_as_far_as_the_farthest_in_any_order() {
    let (first, second) = (entry(1, User, "200"), Revocation { seq: 2, ..entry(1, User, "200") });
    let second = Revocation { before: Some(NOW_S + 50), exp: NOW_S + 3650, ..second };
    for order in [[first.clone(), second.clone()], [second, first]] {
        let revocations = with(order);
        let mut token = claims("batch", "batch", Some((100, 200)));
        token.iat = NOW_S + 50;
        assert!(revocations.hits(&token, NOW_S + 50));
        assert_eq!((revocations.len(), revocations.latest_before(&token)), (1, Some(NOW_S + 50)));
        revocations.drop_expired(NOW_S + 3600 + 30);
        assert!(revocations.hits(&token, NOW_S + 3630));
        revocations.drop_expired(NOW_S + 3650 + 30);
        assert!(revocations.is_empty());
    }
}

/// An issuer dates a new token after that, or it would be revoked at birth.
#[test]
fn the_latest_bound_is_that_of_the_entries_that_match_whenever_the_token_was_issued() {
    let at = |before, kind, value| Revocation { before: Some(before), ..entry(1, kind, value) };
    let revocations = with([
        at(NOW_S + 5, User, "200"),
        at(NOW_S + 9, Company, "100"),
        at(NOW_S + 70, User, "201"),
        at(NOW_S + 80, Jti, "the-token"),
    ]);
    let mut token = claims("batch", "batch", Some((100, 200)));
    token.iat = NOW_S + 1000;
    assert_eq!(revocations.latest_before(&token), Some(NOW_S + 9));
    assert_eq!(revocations.latest_before(&claims("a", "a", None)), None);
    revocations.insert(at(NOW_S + 10, All, "whatever stands here"));
    assert_eq!(revocations.latest_before(&claims("a", "a", None)), Some(NOW_S + 10));
}

/// A verifier takes a token for 30 s longer than it lives.
#[test]
fn an_entry_is_dropped_when_no_token_that_it_hits_is_taken_any_more() {
    let revocations = with([
        Revocation { exp: NOW_S + 10, ..entry(1, Jti, "the-token") },
        Revocation { exp: NOW_S + 20, ..entry(2, Jti, "another") },
    ]);
    let token = claims("a", "a", None);
    revocations.drop_expired(NOW_S + 39);
    assert!(revocations.len() == 2 && revocations.hits(&token, NOW_S + 39));
    assert!(!revocations.hits(&token, NOW_S + 40), "and not hit either, if nobody drops it");
    revocations.drop_expired(NOW_S + 40);
    assert_eq!(revocations.len(), 1);
    revocations.drop_expired(NOW_S + 50);
    assert!(revocations.is_empty());
}

#[test]
fn what_replaces_all_leaves_nothing_of_it() {
    let revocations = with([entry(1, User, "200"), entry(2, User, "201")]);
    revocations.replace([entry(1, User, "202")]);
    let user = |id| claims("a", "a", Some((100, id)));
    let hit = |id| revocations.hits(&user(id), NOW_S);
    assert_eq!((revocations.len(), hit(200), hit(201), hit(202)), (1, false, false, true));
}

#[test]
fn an_entry_is_written_as_the_feed_has_it() {
    let written = r#"{"seq":43,"kind":"user","value":"200","before":1780000000,"exp":1780003700}"#;
    let read: Revocation = serde_json::from_str(written).unwrap();
    assert_eq!((read.seq, read.kind, read.before), (43, User, Some(1_780_000_000)));
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
    let jti = r#"{"seq":42,"kind":"jti","value":"x","exp":1780003700}"#;
    let read: Revocation = serde_json::from_str(jti).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), jti);
}

/// What it costs to ask must not depend on how many there are: with a hundred times as many it would show.
#[test]
fn a_hundred_thousand_entries_hit_only_their_own() {
    let revocations = with((0..100_000).map(|id| entry(id, User, &id.to_string())));
    assert!(revocations.hits(&claims("a", "a", Some((100, 99_999))), NOW_S));
    for id in 100_000..200_000 {
        assert!(!revocations.hits(&claims("a", "a", Some((100, id))), NOW_S));
    }
}

/// What was exchanged after a revocation for a token from before it is revoked as well, wherever that was not known yet.
#[test]
fn a_token_is_as_old_as_its_root_and_for_its_own_client_as_old_as_itself() {
    let mut child = claims("200", "order-service", Some((100, 200)));
    child.auth_time = Some(NOW_S - 100);
    child.act = Some(json!({"sub": "order-service", "act": {"sub": "web"}}));
    child.iat = NOW_S + 1;
    for (kind, value) in [(User, "200"), (Company, "100"), (Sub, "200"), (Client, "web"), (All, "")]
    {
        assert!(hit_by(&child, kind, value), "{kind:?} {value}");
        assert_eq!(with([entry(1, kind, value)]).latest_before(&child), None, "{kind:?} {value}");
    }
    assert!(!hit_by(&child, Client, "order-service"), "it was given this one afterwards");
    child.iat = NOW_S;
    assert!(hit_by(&child, Client, "order-service"));
    child.auth_time = Some(NOW_S + 50);
    assert!(hit_by(&child, User, "200"), "a root that is younger than its child is not believed");
}

/// T27, further along: what a client called 200 has asked for on its own behalf is not the user's in the next service.
#[test]
fn what_came_of_a_clients_own_token_is_not_a_users() {
    let mut child = claims("200", "order-service", None);
    child.act = Some(json!({"sub": "order-service", "act": {"sub": "200"}}));
    assert_eq!(kinds_that_hit(&child, "200"), [Client, All]);
    child.act = Some(json!({"sub": "order-service", "act": {"sub": "web"}}));
    assert_eq!(kinds_that_hit(&child, "200"), [Sub, All]);
}
