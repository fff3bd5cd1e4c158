//! Handing a session on to work that runs later, and working in it then.

use crate::client::inbound::{Inbound, NoSession};
use crate::client::token_source::{HandOffRequest, Handoff, TokenFetchError};
use crate::client::{ServiceClient, SessionClient};
use crate::clock::Timestamp;
use crate::scopes::Scopes;
use crate::token::AccessToken;

impl ServiceClient {
    /// Hands on the session of whoever called us, for work that runs when he and his token are gone. `purpose` is declared for
    /// this client at the authorization server.
    ///
    /// What comes of it is no secret and no token: it can be written into a row beside the job, and only its executor can use
    /// it. It ends with the caller's login, unless it is made to outlive a logout.
    ///
    /// ```no_run
    /// # use shared::client::Inbound;
    /// # async fn example(orders: &shared::ServiceClient, request: &impl Inbound) -> Result<(), Box<dyn std::error::Error>> {
    /// let handoff = orders.hand_off(request, "order-exports")?.to("batch-service").max_uses(3).send().await?;
    /// println!("to be written down: {}", handoff.id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSession`]: also where a gateway vouches for the session, and there is no token.
    pub fn hand_off(&self, request: &impl Inbound, purpose: &str) -> Result<HandOff, NoSession> {
        request.session().ok_or(NoSession)?;
        let subject = request.access_token().ok_or(NoSession)?;
        Ok(HandOff { client: self.clone(), subject, purpose: purpose.to_owned() })
    }

    /// Ends what was handed on under this id, by the client that has handed it on or the one that was to use it; what has been
    /// made of it is revoked. What is not known, or another's, is left as it is, and nothing is said.
    ///
    /// # Errors
    /// A [`TokenFetchError`] when that could not be said.
    pub async fn end_handoff(&self, id: &str) -> Result<(), TokenFetchError> {
        self.inner.tokens.end_handoff(id).await
    }

    /// Calls in the session that was handed on under this id: at the first call it is exchanged for a token, which is kept,
    /// shared by all who use it, and renewed at a call while uses last.
    ///
    /// Where it is refused, a call ends with [`CallError::handoff_refusal`](crate::client::CallError::handoff_refusal):
    /// ended, expired, used up, not for this client.
    #[must_use]
    pub fn with_handoff(&self, id: &str) -> SessionClient {
        self.caller(self.inner.request.for_handoff(id, None))
    }

    /// The same for work of this purpose: what was handed on for another is refused, and no use is spent on it.
    #[must_use]
    pub fn with_handoff_for(&self, id: &str, purpose: &str) -> SessionClient {
        self.caller(self.inner.request.for_handoff(id, Some(purpose)))
    }
}

/// A session that is to be handed on; it is not said yet to whom.
#[derive(Clone, Debug)]
#[must_use]
pub struct HandOff {
    client: ServiceClient,
    subject: AccessToken,
    purpose: String,
}

impl HandOff {
    /// To this client, and to no other.
    pub fn to(self, executor: &str) -> HandOffTo {
        let request = HandOffRequest::new(self.subject, &self.purpose, executor);
        HandOffTo { client: self.client, request }
    }
}

/// A session that is to be handed on. Unless more is said: to be used once, from now on, as long and as widely as both clients are
/// allowed to.
#[derive(Clone, Debug)]
#[must_use]
pub struct HandOffTo {
    client: ServiceClient,
    request: HandOffRequest,
}

impl HandOffTo {
    /// Its tokens may be for this service, and for others that are named.
    pub fn resource(mut self, audience: &str) -> Self {
        self.request.resources.insert(audience.to_owned());
        self
    }

    /// Its tokens may be used for this and nothing else.
    pub fn scope(mut self, scope: Scopes) -> Self {
        self.request.scope = Some(scope);
        self
    }

    /// So many tokens may be made of it. One lives for some minutes, and each service needs one.
    pub fn max_uses(mut self, uses: u32) -> Self {
        self.request.max_uses = Some(uses);
        self
    }

    /// It is not good before, to the second.
    pub fn not_before(mut self, at: Timestamp) -> Self {
        self.request.not_before = Some(at);
        self
    }

    /// It is no longer good from then on, to the second.
    pub fn not_after(mut self, at: Timestamp) -> Self {
        self.request.not_after = Some(at);
        self
    }

    /// It goes on when the user logs out, if the purpose allows for that. A new password ends it in any case.
    pub fn outliving_logout(mut self) -> Self {
        self.request.outlives_logout = true;
        self
    }

    /// Hands it on. When this returns, it may be used (a server whose clock is behind may say for a moment that it is not good yet). If no answer comes, there may be one that nobody knows: it is of no use,
    /// and expires.
    ///
    /// # Errors
    /// A [`TokenFetchError`] that says why not.
    pub async fn send(self) -> Result<Handoff, TokenFetchError> {
        self.client.inner.tokens.hand_off(&self.request).await
    }
}
