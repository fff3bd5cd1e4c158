//! Handing on and redeeming, by rule and by chance.

mod any;

use chrono::DateTime;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use shared::{Claims, Session, Timestamp};

use super::handing_on::{HandingRefusal, HandoffAsk, hand_on};
use super::redeeming::{Known, RedeemAsk, RedeemRefusal, Redeemed, redeem};
use super::*;
use crate::domain::client::Client;
use crate::domain::grant::Terms;
use crate::domain::purpose::{Handing, Taking};

type Failure = Box<dyn std::error::Error>;

const NOW_S: i64 = 1_800_000_000;
const DAY_S: i64 = 24 * 3600;

fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn names(text: &str) -> BTreeSet<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn purpose() -> Result<Purpose, Failure> {
    Ok(Purpose::parse("export")?)
}

fn order() -> Result<Client, Failure> {
    let mut client = Client::new(ClientId::parse("order")?);
    let handing = Handing {
        executors: [ClientId::parse("batch")?].into(),
        resources: names("order file"),
        scope: "read write".parse()?,
        max_uses: 3,
        max_age_s: 3600,
        may_outlive_logout: false,
    };
    client.hands_on.insert(purpose()?, handing);
    Ok(client)
}

fn batch() -> Result<Client, Failure> {
    let mut client = Client::new(ClientId::parse("batch")?);
    let taking = Taking { resources: names("order file user"), scope: "read write pay".parse()? };
    client.takes_over.insert(purpose()?, taking);
    Ok(client)
}

fn subject() -> Result<Claims, Failure> {
    Ok(Claims {
        iss: "i".to_owned(),
        sub: "200".to_owned(),
        aud: vec!["order".to_owned(), "file".to_owned(), "user".to_owned()],
        client_id: "web".to_owned(),
        scope: "read write pay".parse()?,
        iat: NOW_S - 100,
        exp: NOW_S + 200,
        nbf: None,
        jti: "this-one".to_owned(),
        session: Some(Session::parse(r#"{"companyId":7,"userId":200}"#)?),
        sid: Some("login".to_owned()),
        auth_time: Some(NOW_S - 5000),
        act: None,
        handoff: None,
    })
}

fn asked() -> Result<HandoffAsk, Failure> {
    Ok(HandoffAsk {
        subject: subject()?,
        purpose: purpose()?,
        executor: ClientId::parse("batch")?,
        audiences: BTreeSet::new(),
        scope: None,
        max_uses: None,
        not_before_s: None,
        not_after_s: None,
        outlives_logout: false,
        trace: None,
    })
}

fn handed_on(ask: HandoffAsk) -> Result<Handoff, HandingRefusal> {
    let (order, batch) = (order(), batch());
    let (Ok(order), Ok(batch)) = (order, batch) else { return Err(HandingRefusal::Purpose) };
    hand_on((&order, Some(&batch)), ask, (HandoffName::of_id("ho_1"), None), at(NOW_S))
}

fn terms() -> Terms {
    Terms { issuer: "i".to_owned(), token_ttl_s: 300 }
}

/// What comes of it so many seconds later, if nothing has been revoked.
fn redeemed(
    handoff: &Handoff,
    ask: &RedeemAsk,
    (clients, later_s): ((&Client, Option<&Client>), i64),
) -> Result<Redeemed, RedeemRefusal> {
    let known = Known {
        client: clients.0,
        handed_on_by: clients.1,
        root_ended: None,
        revoked: &|_| false,
        terms: &terms(),
        now: at(NOW_S + later_s),
    };
    redeem(handoff, ask, &known)
}

fn anything() -> RedeemAsk {
    RedeemAsk { purpose: None, audiences: BTreeSet::new(), scope: None, line: None }
}

#[test]
fn the_session_goes_on_and_it_is_seen_who_acts_for_whom() -> Result<(), Failure> {
    let handoff = handed_on(asked()?)?;
    let (order, batch) = (order()?, batch()?);
    let token = redeemed(&handoff, &anything(), ((&batch, Some(&order)), 10))?.claims;
    let subject = subject()?;
    assert_eq!(
        (&token.session, &token.sid, &token.sub),
        (&subject.session, &subject.sid, &subject.sub)
    );
    assert_eq!((token.client_id.as_str(), token.auth_time), ("batch", subject.auth_time));
    assert_eq!(
        (token.aud.join(" "), token.scope.to_string()),
        ("file order".to_owned(), "read write".to_owned())
    );
    let act = json!({"sub": "batch", "act": {"sub": "order", "act": {"sub": "web"}}});
    assert_eq!(token.act, Some(act));
    assert_eq!((token.iat, token.exp), (NOW_S + 10, NOW_S + 310));
    assert_eq!(token.handoff.as_deref(), Some(HandoffName::of_id("ho_1").as_str()));
    assert_ne!(token.jti, subject.jti);
    Ok(())
}

#[test]
fn what_goes_beyond_one_of_the_three_is_not_handed_on() -> Result<(), Failure> {
    use HandingRefusal as R;
    let table: Vec<(HandoffAsk, R)> = vec![
        (HandoffAsk { purpose: Purpose::parse("other")?, ..asked()? }, R::Purpose),
        (HandoffAsk { executor: ClientId::parse("order")?, ..asked()? }, R::Executor),
        (HandoffAsk { audiences: names("user"), ..asked()? }, R::Target),
        (HandoffAsk { audiences: names("order user"), ..asked()? }, R::Target),
        (HandoffAsk { scope: Some("pay".parse()?), ..asked()? }, R::Scope),
        (HandoffAsk { scope: Some("read admin".parse()?), ..asked()? }, R::Scope),
        (HandoffAsk { max_uses: Some(0), ..asked()? }, R::Uses(3)),
        (HandoffAsk { max_uses: Some(4), ..asked()? }, R::Uses(3)),
        (HandoffAsk { not_after_s: Some(NOW_S + 3601), ..asked()? }, R::Times(3600)),
        (HandoffAsk { not_after_s: Some(NOW_S), ..asked()? }, R::Times(3600)),
        (HandoffAsk { not_before_s: Some(NOW_S + 3600), ..asked()? }, R::Times(3600)),
        (HandoffAsk { outlives_logout: true, ..asked()? }, R::Outliving),
    ];
    for (ask, refusal) in table {
        assert_eq!(handed_on(ask.clone()), Err(refusal), "{ask:?}");
    }
    let tokens = [
        (Claims { aud: vec!["file".to_owned()], ..subject()? }, R::NotRecipient),
        (Claims { session: None, ..subject()? }, R::NoSession),
        (Claims { handoff: Some("h".to_owned()), ..subject()? }, R::HandedOn),
        (Claims { scope: "pay".parse()?, ..subject()? }, R::Scope),
    ];
    for (subject, refusal) in tokens {
        assert_eq!(handed_on(HandoffAsk { subject, ..asked()? }), Err(refusal));
    }
    let nobody =
        hand_on((&order()?, None), asked()?, (HandoffName::of_id("ho_1"), None), at(NOW_S));
    assert_eq!(nobody, Err(R::Executor));
    Ok(())
}

#[test]
fn it_ends_with_the_login_at_the_latest() -> Result<(), Failure> {
    let name = || HandoffName::of_id("ho_1");
    let until = |end| {
        hand_on((&order()?, Some(&batch()?)), asked()?, (name(), end), at(NOW_S))
            .map_err(Failure::from)
    };
    assert_eq!(until(None)?.not_after_s, NOW_S + 3600);
    assert_eq!(until(Some(NOW_S + 9))?.not_after_s, NOW_S + 9);
    assert_eq!(until(Some(NOW_S + DAY_S))?.not_after_s, NOW_S + 3600);
    assert!(until(Some(NOW_S)).is_err());
    Ok(())
}

#[test]
fn a_use_that_is_refused_says_why() -> Result<(), Failure> {
    use RedeemRefusal as R;
    let (order, batch) = (order()?, batch()?);
    let good = handed_on(HandoffAsk { not_before_s: Some(NOW_S + 5), ..asked()? })?;
    let ended = (HandoffEnd::Root(EndedBy::Logout), at(NOW_S));
    let used = Used { times: 1, ..Used::default() };
    let table = [
        (good.clone(), anything(), 5, None),
        (good.clone(), anything(), 4, Some(R::NotYet)),
        (good.clone(), anything(), 3600, Some(R::Expired)),
        (Handoff { ended: Some(ended), ..good.clone() }, anything(), 5, Some(R::Ended(ended.0))),
        (Handoff { used, ..good.clone() }, anything(), 5, Some(R::UsedUp)),
        (
            good.clone(),
            RedeemAsk { purpose: Some(Purpose::parse("other")?), ..anything() },
            5,
            Some(R::Purpose),
        ),
        (good.clone(), RedeemAsk { audiences: names("user"), ..anything() }, 5, Some(R::Target)),
        (good.clone(), RedeemAsk { scope: Some("pay".parse()?), ..anything() }, 5, Some(R::Scope)),
    ];
    for (handoff, ask, later_s, refusal) in table {
        let verdict = redeemed(&handoff, &ask, ((&batch, Some(&order)), later_s));
        assert_eq!(verdict.err(), refusal, "{ask:?} {later_s}");
    }
    let other = Client { id: ClientId::parse("other")?, ..batch.clone() };
    let stranger = redeemed(&good, &anything(), ((&other, Some(&order)), 5));
    assert_eq!(stranger.err(), Some(R::NotYours));
    let late = redeemed(&good, &anything(), ((&batch, Some(&order)), 3599))?.claims;
    assert_eq!(late.exp, good.not_after_s, "no token outlives it");
    Ok(())
}

#[test]
fn what_the_clients_may_no_longer_do_is_refused() -> Result<(), Failure> {
    let (order, batch) = (order()?, batch()?);
    let handoff = handed_on(asked()?)?;
    let narrowed = |scope: &str, resources: &str| -> Result<Client, Failure> {
        let mut client = batch.clone();
        let taking = Taking { resources: names(resources), scope: scope.parse()? };
        client.takes_over.insert(purpose()?, taking);
        Ok(client)
    };
    let verdict = |executor: &Client, from: Option<&Client>, ask: &RedeemAsk| {
        redeemed(&handoff, ask, ((executor, from), 1))
    };
    let refused = Some(RedeemRefusal::NotAllowed);
    assert_eq!(verdict(&batch, None, &anything()).err(), refused);
    assert_eq!(verdict(&Client::new(batch.id.clone()), Some(&order), &anything()).err(), refused);
    assert_eq!(verdict(&batch, Some(&Client::new(order.id.clone())), &anything()).err(), refused);
    let less = narrowed("read", "file")?;
    let token = verdict(&less, Some(&order), &anything())?.claims;
    assert_eq!(
        (token.aud.join(" "), token.scope.to_string()),
        ("file".to_owned(), "read".to_owned())
    );
    let ask = RedeemAsk { scope: Some("read write".parse()?), ..anything() };
    assert_eq!(verdict(&less, Some(&order), &ask).err(), refused);
    let ask = RedeemAsk { audiences: names("file order"), ..anything() };
    assert_eq!(verdict(&less, Some(&order), &ask).err(), refused);
    Ok(())
}

#[test]
fn what_an_operator_has_revoked_since_is_over() -> Result<(), Failure> {
    let (order, batch, handoff) = (order()?, batch()?, handed_on(asked()?)?);
    let seen = std::cell::RefCell::new(None);
    let revoked = |claims: &Claims| seen.replace(Some(claims.clone())).is_none();
    let known = Known {
        client: &batch,
        handed_on_by: Some(&order),
        root_ended: None,
        revoked: &revoked,
        terms: &terms(),
        now: at(NOW_S + 60),
    };
    let operator = RedeemRefusal::Ended(HandoffEnd::Root(EndedBy::Operator));
    assert_eq!(redeem(&handoff, &anything(), &known).err(), Some(operator));
    let held_against = seen.take();
    let dated = held_against.map(|claims| (claims.iat, claims.auth_time, claims.client_id));
    assert_eq!(dated, Some((NOW_S, Some(NOW_S - 5000), "batch".to_owned())), "as old as it is");
    Ok(())
}

#[test]
fn a_use_is_told_again_in_its_name_while_its_token_has_some_life_left() -> Result<(), Failure> {
    let (order, batch) = (order()?, batch()?);
    let mut handoff = handed_on(HandoffAsk { max_uses: Some(2), ..asked()? })?;
    let ask = RedeemAsk { line: UseLine::parse("shared"), ..anything() };
    let told =
        |handoff: &Handoff, later_s| redeemed(handoff, &ask, ((&batch, Some(&order)), later_s));
    let first = told(&handoff, 0)?;
    handoff.used =
        Used { times: 1, uses: vec![(first.key.clone(), first.claims.exp)], ..Used::default() };
    let again = told(&handoff, 200)?;
    assert!(!first.again && again.again);
    assert_eq!((&again.claims.jti, again.claims.exp), (&first.claims.jti, first.claims.exp));
    let second = told(&handoff, 260)?;
    assert!(!second.again && second.claims.jti != first.claims.jti);
    handoff.used.times = 2;
    handoff.used.uses.push((second.key, second.claims.exp));
    assert!(told(&handoff, 300)?.again);
    assert_eq!(told(&handoff, 560).err(), Some(RedeemRefusal::UsedUp));
    let narrower = RedeemAsk { scope: Some("read".parse()?), ..ask.clone() };
    let other = redeemed(&handoff, &narrower, ((&batch, Some(&order)), 300));
    assert_eq!(other.err(), Some(RedeemRefusal::UsedUp), "another token is another use");
    Ok(())
}

/// A moment before the end there is no other token to come.
#[test]
fn the_last_token_is_told_again_to_its_end() -> Result<(), Failure> {
    let (order, batch) = (order()?, batch()?);
    let mut handoff = handed_on(HandoffAsk { not_after_s: Some(NOW_S + 30), ..asked()? })?;
    let ask = RedeemAsk { line: UseLine::parse("shared"), ..anything() };
    let told =
        |handoff: &Handoff, later_s| redeemed(handoff, &ask, ((&batch, Some(&order)), later_s));
    let first = told(&handoff, 0)?;
    handoff.used =
        Used { times: 1, uses: vec![(first.key.clone(), first.claims.exp)], ..Used::default() };
    assert_eq!(told(&handoff, 29)?.claims.jti, first.claims.jti);
    assert_eq!(told(&handoff, 30).err(), Some(RedeemRefusal::Expired));
    Ok(())
}

#[test]
fn where_its_login_is_found_to_be_over_it_is_over_unless_it_outlives_that() -> Result<(), Failure> {
    let (order, batch) = (order()?, batch()?);
    let with = |handoff: &Handoff, by| {
        let known = Known {
            client: &batch,
            handed_on_by: Some(&order),
            root_ended: Some(by),
            revoked: &|_| false,
            terms: &terms(),
            now: at(NOW_S + 1),
        };
        redeem(handoff, &anything(), &known).err()
    };
    let ended = |by| Some(RedeemRefusal::Ended(HandoffEnd::Root(by)));
    let handoff = handed_on(asked()?)?;
    assert_eq!(with(&handoff, EndedBy::Logout), ended(EndedBy::Logout));
    let outliving = Handoff { outlives_logout: true, ..handoff };
    assert_eq!(with(&outliving, EndedBy::Logout), None);
    assert_eq!(with(&outliving, EndedBy::Reuse), ended(EndedBy::Reuse));
    Ok(())
}

#[test]
fn there_is_room_for_the_one_that_uses_it_in_the_line_of_actors() -> Result<(), Failure> {
    let line = |actors: usize| {
        let begin = json!({"sub": "web"});
        (1..actors).fold(begin, |act, _| json!({"sub": "gateway", "act": act}))
    };
    let with = |actors| -> Result<HandoffAsk, Failure> {
        Ok(HandoffAsk { subject: Claims { act: Some(line(actors)), ..subject()? }, ..asked()? })
    };
    let (order, batch) = (order()?, batch()?);
    let handoff = handed_on(with(9)?)?;
    assert!(redeemed(&handoff, &anything(), ((&batch, Some(&order)), 1)).is_ok());
    assert_eq!(handed_on(with(10)?).err(), Some(HandingRefusal::TooManyActors));
    Ok(())
}

#[test]
fn what_outlives_the_login_is_a_root_of_its_own() -> Result<(), Failure> {
    let (mut order, batch) = (order()?, batch()?);
    if let Some(handing) = order.hands_on.get_mut(&purpose()?) {
        handing.may_outlive_logout = true;
    }
    let ask = HandoffAsk { outlives_logout: true, ..asked()? };
    let name = HandoffName::of_id("ho_1");
    let handoff = hand_on((&order, Some(&batch)), ask, (name.clone(), None), at(NOW_S))?;
    let token = redeemed(&handoff, &anything(), ((&batch, Some(&order)), 1))?.claims;
    assert_eq!(token.sid.as_deref(), Some(name.as_str()), "a logout revokes what has the login's");
    assert_eq!((token.auth_time, handoff.root.sid.as_str()), (Some(NOW_S - 5000), "login"));
    Ok(())
}

/// Whatever is declared, received and asked for: no token is wider in session, audience, scope or time than all that it came
/// of.
#[test]
fn no_redeemed_token_is_wider_than_its_parents() -> Result<(), Failure> {
    const CASES: u32 = 20_000;
    let made = std::cell::Cell::new(0);
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..Default::default() };
    TestRunner::new(config).run(&any::world(), |world| {
        let Some(token) = token_of(&world) else { return Ok(()) };
        made.set(made.get() + 1);
        within_clients(&world, &token)?;
        within_token(&world, &token)?;
        in_time(&world, &token)
    })?;
    println!("{} of {CASES} have come to a token", made.get());
    assert!(made.get() > CASES / 100, "only {} of {CASES} have come to a token", made.get());
    Ok(())
}

fn token_of(world: &any::World) -> Option<Claims> {
    let clients = (&world.order, Some(&world.batch));
    let name = (HandoffName::of_id("ho_any"), world.root_end);
    let handoff = hand_on(clients, world.ask.clone(), name, at(NOW_S)).ok()?;
    let clients = (&world.batch_later, Some(&world.order_later));
    Some(redeemed(&handoff, &world.redeem_ask, (clients, world.later_s)).ok()?.claims)
}

/// As they were when it was handed on, and as they are now.
fn within_clients(world: &any::World, token: &Claims) -> Result<(), TestCaseError> {
    within_policies(world, (&world.order, &world.batch), token)?;
    within_policies(world, (&world.order_later, &world.batch_later), token)?;
    let handing = &world.order.hands_on[&world.ask.purpose];
    prop_assert!(!world.ask.outlives_logout || handing.may_outlive_logout);
    Ok(())
}

fn within_policies(
    world: &any::World,
    (order, batch): (&Client, &Client),
    token: &Claims,
) -> Result<(), TestCaseError> {
    let handing = &order.hands_on[&world.ask.purpose];
    let taking = &batch.takes_over[&world.ask.purpose];
    prop_assert!(handing.executors.contains(&world.batch.id));
    prop_assert_eq!(&token.client_id, world.batch.id.as_str());
    for service in &token.aud {
        prop_assert!(handing.resources.contains(service) && taking.resources.contains(service));
    }
    prop_assert!(token.scope.is_subset_of(&handing.scope));
    prop_assert!(token.scope.is_subset_of(&taking.scope));
    Ok(())
}

fn within_token(world: &any::World, token: &Claims) -> Result<(), TestCaseError> {
    let any::World { ask, redeem_ask, .. } = world;
    let subject = &ask.subject;
    prop_assert_eq!(&token.session, &subject.session);
    prop_assert_eq!(&token.sub, &subject.sub);
    prop_assert_eq!(token.root_time(), subject.root_time());
    prop_assert!(!token.aud.is_empty() && !token.scope.is_empty());
    for service in &token.aud {
        prop_assert!(subject.aud.contains(service));
        prop_assert!(ask.audiences.is_empty() || ask.audiences.contains(service));
        prop_assert!(redeem_ask.audiences.is_empty() || redeem_ask.audiences.contains(service));
    }
    prop_assert!(token.scope.is_subset_of(&subject.scope));
    for asked in [&ask.scope, &redeem_ask.scope].into_iter().flatten() {
        prop_assert!(token.scope.is_subset_of(asked));
    }
    let root = subject.sid.as_ref().or(Some(&subject.jti));
    prop_assert!(ask.outlives_logout || token.sid.as_ref() == root);
    Ok(())
}

fn in_time(world: &any::World, token: &Claims) -> Result<(), TestCaseError> {
    let handing = &world.order.hands_on[&world.ask.purpose];
    prop_assert_eq!(token.iat, NOW_S + world.later_s);
    prop_assert!(token.exp > token.iat && token.exp - token.iat <= 300);
    prop_assert!(token.exp <= NOW_S + i64::from(handing.max_age_s));
    prop_assert!(world.root_end.is_none_or(|end| token.exp <= end));
    prop_assert!(world.ask.not_after_s.is_none_or(|end| token.exp <= end));
    prop_assert!(world.ask.not_before_s.is_none_or(|begin| begin <= token.iat));
    Ok(())
}
