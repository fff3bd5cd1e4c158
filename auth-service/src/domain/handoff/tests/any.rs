//! Policies, tokens and requests, by chance; from so few words that they often have something in common.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::btree_set;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use shared::{Claims, Scopes, Session};

use super::NOW_S;
use crate::domain::client::{Client, ClientId};
use crate::domain::handoff::UseLine;
use crate::domain::handoff::handing_on::HandoffAsk;
use crate::domain::handoff::redeeming::RedeemAsk;
use crate::domain::purpose::{Handing, Purpose, Taking};

/// All that a token may come of.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) order: Client,
    pub(super) batch: Client,
    /// What they may do when it is redeemed.
    pub(super) order_later: Client,
    pub(super) batch_later: Client,
    pub(super) ask: HandoffAsk,
    pub(super) redeem_ask: RedeemAsk,
    pub(super) root_end: Option<i64>,
    pub(super) later_s: i64,
}

const SERVICES: [&str; 3] = ["order", "file", "user"];
const SCOPES: [&str; 4] = ["read", "write", "pay", "admin"];

/// All of them as often as only some: what has nothing in common comes to no token.
fn some_of(all: &'static [&'static str]) -> impl Strategy<Value = BTreeSet<String>> {
    let some = btree_set(prop::sample::select(all).prop_map(str::to_owned), 0..=all.len());
    prop_oneof![Just(all.iter().map(|own| (*own).to_owned()).collect()), some]
}

fn services() -> impl Strategy<Value = BTreeSet<String>> {
    some_of(&SERVICES)
}

fn scopes() -> impl Strategy<Value = Scopes> {
    some_of(&SCOPES).prop_map(|words| words.into_iter().collect())
}

/// What is asked for: nothing that is said, more often than not.
fn asked<T: std::fmt::Debug>(what: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    option::weighted(0.3, what)
}

fn some_services() -> impl Strategy<Value = BTreeSet<String>> {
    asked(some_of(&SERVICES)).prop_map(Option::unwrap_or_default)
}

fn seconds(from: i64, to: i64) -> impl Strategy<Value = Option<i64>> {
    asked((from..to).prop_map(|after| NOW_S + after))
}

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn named(text: &str) -> Purpose {
    Purpose::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![9 => Just(named("export")), 1 => Just(named("other"))]
}

fn subject() -> impl Strategy<Value = Claims> {
    let user = (1_i64..1000, 1_i64..1000);
    let lineage = (option::of(Just("login".to_owned())), seconds(-9000, 0), any::<bool>());
    (services(), scopes(), user, lineage).prop_map(|(aud, scope, (company, user), lineage)| {
        let (sid, auth_time, acted) = lineage;
        let session = json!({"companyId": company, "userId": user}).to_string();
        Claims {
            iss: "i".to_owned(),
            sub: user.to_string(),
            aud: aud.into_iter().collect(),
            client_id: "web".to_owned(),
            scope,
            iat: NOW_S - 100,
            exp: NOW_S + 200,
            nbf: None,
            jti: "this-one".to_owned(),
            session: Session::parse(&session).ok(),
            sid,
            auth_time,
            act: acted.then(|| json!({"sub": "gateway", "act": {"sub": "web"}})),
            handoff: None,
        }
    })
}

fn order() -> impl Strategy<Value = Client> {
    let executors = btree_set(prop::sample::select(vec!["batch", "batch", "batch", "other"]), 1..3);
    let bounds = (services(), scopes(), 1_u32..5, 1_u32..8000, any::<bool>());
    (executors, bounds).prop_map(|(executors, (resources, scope, max_uses, max_age_s, outlive))| {
        let handing = Handing {
            executors: executors.into_iter().map(id).collect(),
            resources,
            scope,
            max_uses,
            max_age_s,
            may_outlive_logout: outlive,
        };
        let export = named("export");
        Client { hands_on: BTreeMap::from([(export, handing)]), ..Client::new(id("order")) }
    })
}

fn batch() -> impl Strategy<Value = Client> {
    (services(), scopes()).prop_map(|(resources, scope)| {
        let export = named("export");
        let takes_over = BTreeMap::from([(export, Taking { resources, scope })]);
        Client { takes_over, ..Client::new(id("batch")) }
    })
}

fn asks() -> impl Strategy<Value = HandoffAsk> {
    let what = (purpose(), some_services(), asked(scopes()), asked(0_u32..6));
    let when = (seconds(-100, 4000), seconds(-100, 9000), prop::bool::weighted(0.3));
    (subject(), what, when).prop_map(|(subject, what, when)| {
        let (purpose, audiences, scope, max_uses) = what;
        let (not_before_s, not_after_s, outlives_logout) = when;
        let executor = id("batch");
        HandoffAsk {
            subject,
            purpose,
            executor,
            audiences,
            scope,
            max_uses,
            not_before_s,
            not_after_s,
            outlives_logout,
            trace: None,
        }
    })
}

fn redeem_asks() -> impl Strategy<Value = RedeemAsk> {
    (asked(purpose()), some_services(), asked(scopes()), any::<bool>()).prop_map(
        |(purpose, audiences, scope, named)| RedeemAsk {
            purpose,
            audiences,
            scope,
            line: named.then(|| UseLine::parse("shared")).flatten(),
        },
    )
}

pub(super) fn world() -> impl Strategy<Value = World> {
    let changed = (option::weighted(0.2, order()), option::weighted(0.2, batch()));
    let clients = (order(), batch(), changed);
    (clients, asks(), redeem_asks(), seconds(1, 9000), 0_i64..6000).prop_map(
        |((order, batch, changed), ask, redeem_ask, root_end, later_s)| World {
            order_later: changed.0.unwrap_or_else(|| order.clone()),
            batch_later: changed.1.unwrap_or_else(|| batch.clone()),
            order,
            batch,
            ask,
            redeem_ask,
            root_end,
            later_s,
        },
    )
}
