//! [`Policy`]: what a route demands of its caller. Pure: the frameworks' guards ask it.

use std::fmt;
use std::time::Duration;

use crate::identity::Identity;
use crate::refusal::{Reason, Refusal};

/// What a route demands of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    demand: Demand,
    scopes: Vec<&'static str>,
    roles: Vec<&'static str>,
    max_staleness: Option<Duration>,
}

/// Ordered: who has more has less, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Demand {
    Nothing,
    Optional,
    Token,
    Session,
}

impl Policy {
    /// For everybody; who calls makes no difference.
    pub const PUBLIC: Self = Self::of(Demand::Nothing);
    /// For everybody; who is known may get more.
    pub const OPTIONAL: Self = Self::of(Demand::Optional);
    /// For callers with a session.
    pub const SESSION: Self = Self::of(Demand::Session);

    /// For tokens, with a session or without.
    #[cfg(feature = "actix")]
    pub(crate) const ANY_TOKEN: Self = Self::of(Demand::Token);

    const fn of(demand: Demand) -> Self {
        Self { demand, scopes: Vec::new(), roles: Vec::new(), max_staleness: None }
    }

    /// For tokens with this scope; a session there need not be.
    #[must_use]
    pub fn scope(scope: &'static str) -> Self {
        Self::of(Demand::Token).and_scope(scope)
    }

    /// For sessions with this role.
    #[must_use]
    pub fn role(role: &'static str) -> Self {
        Self::SESSION.and_role(role)
    }

    /// Demands this scope of the token, too.
    #[must_use]
    pub fn and_scope(mut self, scope: &'static str) -> Self {
        self.demand = self.demand.max(Demand::Token);
        self.scopes.push(scope);
        self
    }

    /// Demands a session, too.
    #[must_use]
    pub fn and_session(mut self) -> Self {
        self.demand = Demand::Session;
        self
    }

    /// Demands this role of the session, too.
    #[must_use]
    pub fn and_role(mut self, role: &'static str) -> Self {
        self.roles.push(role);
        self.and_session()
    }

    /// Demands a token, too, and that what was revoked longer ago than this is known for certain where it was verified.
    /// Else the answer is 503 with `Retry-After`, also for the session of a gateway, which is no token. For what cannot be
    /// undone; elsewhere an issuer that is away need not stop anybody.
    ///
    /// A feed that is followed as usual is 2 to 4 s old, so less than 5 s makes no sense.
    #[must_use]
    pub fn max_staleness(mut self, longest: Duration) -> Self {
        self.demand = self.demand.max(Demand::Token);
        self.max_staleness = Some(self.max_staleness.map_or(longest, |own| own.min(longest)));
        self
    }

    /// Whether it depends on what is known of revocations.
    #[cfg(feature = "actix")]
    pub(crate) fn needs_revocations(&self) -> bool {
        self.max_staleness.is_some()
    }

    /// Whether somebody without a token is let in.
    #[must_use]
    pub fn admits_strangers(&self) -> bool {
        self.demand <= Demand::Optional
    }

    /// The scopes that its token needs.
    #[must_use]
    pub fn scopes(&self) -> &[&'static str] {
        &self.scopes
    }

    /// The roles that its session needs.
    #[must_use]
    pub fn roles(&self) -> &[&'static str] {
        &self.roles
    }

    /// Lets the caller in, or not.
    ///
    /// # Errors
    /// A [`Refusal`]: first for what is missing altogether (401), then for what does not suffice (403), last for what is
    /// not known just now (503).
    pub fn check(&self, caller: &Identity) -> Result<(), Refusal> {
        if self.admits_strangers() {
            return Ok(());
        }
        if matches!(caller, Identity::Anonymous) {
            return Err(Refusal::because(Reason::NoToken));
        }
        let session = caller.session_ref();
        if self.demand == Demand::Session && session.is_none() {
            return Err(Refusal::because(Reason::NoSession));
        }
        let claims = caller.claims();
        let has_scope = |scope: &str| claims.is_some_and(|claims| claims.scope.contains(scope));
        if let Some(missing) = self.scopes.iter().find(|scope| !has_scope(scope)) {
            let client = claims.map_or("a gateway", |claims| claims.client_id.as_str());
            return Err(Refusal::lacks(Reason::ScopeMissing, missing).with_detail(client));
        }
        let has_role = |role: &str| session.is_some_and(|session| session.has_role(role));
        if let Some(missing) = self.roles.iter().find(|role| !has_role(role)) {
            return Err(Refusal::lacks(Reason::RoleMissing, missing));
        }
        self.check_staleness(caller)
    }

    fn check_staleness(&self, caller: &Identity) -> Result<(), Refusal> {
        let Some(longest) = self.max_staleness else { return Ok(()) };
        let known = match caller {
            Identity::Token(token) => token.revocations_staleness(),
            Identity::Anonymous | Identity::Gateway(_) => None,
        };
        let why = match known {
            Some(staleness) if staleness <= longest => return Ok(()),
            Some(staleness) => format!("they are {} s old", staleness.as_secs()),
            None => "nothing is known of them".to_owned(),
        };
        Err(Refusal::because(Reason::RevocationsStale).with_detail(why))
    }
}

impl fmt::Display for Policy {
    /// As it stands in the table of routes, for example `session, scope order:read`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let demand = match self.demand {
            Demand::Nothing => Some("public"),
            Demand::Optional => Some("optional"),
            Demand::Token => None,
            Demand::Session => Some("session"),
        };
        let mut words: Vec<String> = demand.map(str::to_owned).into_iter().collect();
        words.extend(self.scopes.iter().map(|scope| format!("scope {scope}")));
        words.extend(self.roles.iter().map(|role| format!("role {role}")));
        words.extend(self.max_staleness.map(|longest| format!("revocations within {longest:?}")));
        formatter.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn a_policy_says_what_it_demands() {
        let table = [
            (Policy::PUBLIC, "public"),
            (Policy::OPTIONAL, "optional"),
            (Policy::SESSION, "session"),
            (Policy::scope("a"), "scope a"),
            (Policy::SESSION.and_scope("a").and_scope("b"), "session, scope a, scope b"),
            (Policy::scope("a").and_role("b"), "session, scope a, role b"),
            (Policy::role("b"), "session, role b"),
            (Policy::SESSION.max_staleness(TEN), "session, revocations within 10s"),
            (
                Policy::scope("a").max_staleness(TEN * 2).max_staleness(TEN),
                "scope a, revocations within 10s",
            ),
        ];
        for (policy, shown) in table {
            assert_eq!(policy.to_string(), shown);
        }
    }

    /// Who has no session is told so (401) before being told of a scope (403).
    #[test]
    fn what_is_missing_altogether_comes_before_what_does_not_suffice() {
        let policy = Policy::scope("a").and_role("b");
        let verdict = |caller| policy.check(&caller).map_err(|refusal| refusal.reason());
        let session = crate::Session::new(crate::CompanyId::MIN, crate::UserId::MIN);
        assert_eq!(verdict(Identity::Anonymous), Err(Reason::NoToken));
        assert_eq!(verdict(Identity::Gateway(session)), Err(Reason::ScopeMissing));
    }

    /// What a caller lacks is said first: to come back later would not help.
    #[test]
    fn whoever_cannot_show_a_token_whose_revocation_would_be_known_is_put_off_last() {
        let session = crate::Session::new(crate::CompanyId::MIN, crate::UserId::MIN);
        let verdict = |policy: Policy, caller| {
            let policy = policy.max_staleness(TEN);
            assert!(!policy.admits_strangers());
            policy.check(&caller).map_err(|refusal| refusal.reason())
        };
        let gateway = || Identity::Gateway(session.clone());
        assert_eq!(verdict(Policy::PUBLIC, Identity::Anonymous), Err(Reason::NoToken));
        assert_eq!(verdict(Policy::role("a"), gateway()), Err(Reason::RoleMissing));
        assert_eq!(verdict(Policy::SESSION, gateway()), Err(Reason::RevocationsStale));
    }

    #[test]
    fn every_role_that_is_demanded_is_needed() {
        let session = crate::Session::new(crate::CompanyId::MIN, crate::UserId::MIN);
        let one = session.with_role("a");
        let verdict = |session| Policy::role("a").and_role("b").check(&Identity::Gateway(session));
        assert_eq!(
            verdict(one.clone()).map_err(|refusal| refusal.reason()),
            Err(Reason::RoleMissing)
        );
        assert!(verdict(one.with_role("b")).is_ok());
    }

    #[test]
    fn a_session_of_a_gateway_has_its_roles_and_no_scope() {
        let session = crate::Session::new(crate::CompanyId::MIN, crate::UserId::MIN);
        let caller = Identity::Gateway(session.with_role("clerk"));
        let verdict = |policy: Policy| policy.check(&caller).map_err(|refusal| refusal.reason());
        assert_eq!(verdict(Policy::role("clerk")), Ok(()));
        assert_eq!(verdict(Policy::role("admin")), Err(Reason::RoleMissing));
        assert_eq!(verdict(Policy::SESSION.and_scope("a")), Err(Reason::ScopeMissing));
    }
}
