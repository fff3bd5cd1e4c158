//! [`Parties`]: a service that hands sessions on, and one that takes them over.

use std::collections::BTreeMap;

use auth_service::domain::client::{Client, ClientId};
use auth_service::domain::purpose::{Handing, Purpose, Taking};

use crate::caller::Answer;
use crate::oauth::{ACCESS_TOKEN, OAuthClient, declared};
use crate::replica::{Cluster, Replica};
use crate::system::System;

pub const GRANT: &str = "urn:baton:oauth:grant-type:session-handoff";
/// What for.
pub const PURPOSE: &str = "nightly";

/// Both know their secrets.
#[derive(Clone)]
pub struct Parties {
    pub shop: OAuthClient,
    pub worker: OAuthClient,
}

pub fn purpose() -> Purpose {
    Purpose::parse(PURPOSE).expect("a purpose")
}

/// Tokens for order-service are for it.
pub fn shop() -> Client {
    let handing = Handing {
        executors: [ClientId::parse("worker").expect("a client id")].into(),
        resources: ["order-service", "file-service"].map(str::to_owned).into(),
        scope: "order:read file:read file:write".parse().expect("scopes"),
        max_uses: 3,
        max_age_s: 24 * 3600,
        may_outlive_logout: true,
    };
    Client {
        serves: ["order-service".to_owned()].into(),
        hands_on: BTreeMap::from([(purpose(), handing)]),
        ..declared("shop")
    }
}

pub fn worker() -> Client {
    let taking = Taking {
        resources: ["order-service", "file-service"].map(str::to_owned).into(),
        scope: "order:read file:read file:write".parse().expect("scopes"),
    };
    // On nobody's behalf by itself.
    let mut worker = Client::new(ClientId::parse("worker").expect("a client id"));
    worker.takes_over = BTreeMap::from([(purpose(), taking)]);
    worker
}

impl Parties {
    pub async fn of(system: &System) -> Self {
        Self {
            shop: OAuthClient::register(system, &shop()).await,
            worker: OAuthClient::register(system, &worker()).await,
        }
    }

    pub async fn at(cluster: &Cluster, replica: &Replica) -> Self {
        Self {
            shop: cluster.register(&shop(), replica).await,
            worker: cluster.register(&worker(), replica).await,
        }
    }

    /// Hands on what this token says, and says more.
    pub async fn hand_on(&self, subject: &str, more: &[(&str, &str)]) -> Answer {
        let form = [
            ("subject_token", subject),
            ("subject_token_type", ACCESS_TOKEN),
            ("purpose", PURPOSE),
            ("executor", "worker"),
        ];
        let said = |name: &str| more.iter().any(|(own, _)| *own == name);
        let form: Vec<_> = form.into_iter().filter(|(name, _)| !said(name)).collect();
        self.shop.post("/oauth2/handoffs", &[&form, more].concat()).await
    }

    /// The id of what was handed on.
    pub async fn handed_on(&self, subject: &str, more: &[(&str, &str)]) -> String {
        let answer = self.hand_on(subject, more).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.body["handoff"].as_str().expect("an id").to_owned()
    }

    /// Uses it.
    pub async fn redeem(&self, id: &str, more: &[(&str, &str)]) -> Answer {
        redeem_as(&self.worker, id, more).await
    }
}

/// Uses it, whoever this is.
pub async fn redeem_as(client: &OAuthClient, id: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", GRANT), ("handoff", id)];
    client.post("/oauth2/token", &[&form, more].concat()).await
}

/// Status, error, and why it was not used.
pub fn refused(answer: &Answer) -> (u16, &str, &str) {
    let (status, error) = answer.refusal();
    (status, error, answer.body["handoff_refusal"].as_str().unwrap_or_default())
}
