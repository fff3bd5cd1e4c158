//! The calls that we make to auth-service.

use std::time::Duration;

use serde_json::{Value, json};
use shared::ServiceClient;
use shared::client::CallError;

use crate::domain::account::LoginEnd;

/// How long one call may take, its token included.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(crate) struct AuthApi {
    client: ServiceClient,
}

impl AuthApi {
    pub(crate) fn new(client: ServiceClient) -> Self {
        Self { client }
    }

    /// Ends the logins of a user that were made with older credentials; none begins with those any more. Again, it changes
    /// nothing.
    pub(crate) async fn end_logins(&self, end: &LoginEnd) -> Result<(), CallError> {
        let LoginEnd { user_id, reason, version, except_sid, .. } = end;
        let body = json!({ "reason": reason, "version": version, "except": except_sid });
        let path = format!("/internal/users/{user_id}/end-logins");
        let call = self.client.without_session().post(&path).json(&body);
        call.deadline(DEADLINE).fetch::<Value>().await.map(|_| ())
    }
}
