//! The calls that we make to auth-service, beside those for tokens.

use shared::client::token_source::TokenFetchError;
use shared::client::{HandOffTo, Inbound};
use shared::scopes::NotAScope;
use shared::{Scopes, ServiceClient};

use crate::domain::export::{EXECUTOR, PURPOSE, USES};
use crate::error::OrderError;

/// What an export needs: to read the orders, and to write the file and find it again.
const SCOPE: &str = "order:read file:read file:write";

#[derive(Clone, Debug)]
pub(crate) struct AuthApi {
    client: ServiceClient,
    scope: Scopes,
}

impl AuthApi {
    pub(crate) fn new(client: ServiceClient) -> Result<Self, NotAScope> {
        Ok(Self { client, scope: SCOPE.parse()? })
    }

    /// The session of whoever called us, to be handed on to the batch.
    pub(crate) fn hand_off(&self, request: &impl Inbound) -> Result<HandOffTo, OrderError> {
        let hand_off = self.client.hand_off(request, PURPOSE);
        let hand_off = hand_off.map_err(|_| OrderError::NothingToHandOn)?;
        let hand_off = hand_off.to(EXECUTOR).resource("order-service").resource("file-service");
        // Less would be of no use, and is refused here and not at night.
        Ok(hand_off.scope(self.scope.clone()).max_uses(USES))
    }

    /// Ends what was handed on and is not needed.
    pub(crate) async fn end_handoff(&self, id: &str) -> Result<(), TokenFetchError> {
        self.client.end_handoff(id).await
    }
}
