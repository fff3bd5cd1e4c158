//! [`LoginEnds`]: tells auth-service whose logins end: at once, and again until it has heard.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use shared::Clock;
use shared::db::DbError;
use shared::trace::Tracer;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::auth_api::AuthApi;
use crate::domain::account::LoginEnd;
use crate::repository::login_ends::LoginEndRepository;

/// So long a request waits until auth-service has heard.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many are told in one round.
const AT_ONCE: i64 = 20;
/// The longest pause after a failure, in seconds.
const LONGEST_PAUSE_S: i64 = 60;

pub(crate) struct LoginEnds {
    pub(crate) outbox: LoginEndRepository,
    /// Without one nothing is delivered: it waits until there is.
    pub(crate) api: Option<AuthApi>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tracer: Tracer,
}

impl LoginEnds {
    /// Delivers what has been written down, as far as that is quick. What is not is delivered later.
    pub(crate) async fn deliver_now(&self, end: &LoginEnd) {
        let Some(api) = &self.api else { return };
        if timeout(PATIENCE, self.deliver(api, end)).await.is_err() {
            warn!(user.id = end.user_id, "auth-service is slow; logins end a little later");
        }
    }

    async fn deliver(&self, api: &AuthApi, end: &LoginEnd) {
        if let Err(error) = api.end_logins(end).await {
            let user = end.user_id;
            warn!(user.id = user, cause = %error, "could not end logins of user {user} yet");
            return;
        }
        info!(user.id = end.user_id, end.reason, "ended the logins of user {}", end.user_id);
        if let Err(error) = self.outbox.delete(&end.id).await {
            warn!(cause = %error, "auth-service will be told once more");
        }
    }

    /// Delivers what is left, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        let Some(api) = &self.api else { return };
        let mut away = false;
        loop {
            sleep(LOOK_EVERY).await;
            match self.deliver_due(api).await {
                Ok(()) if std::mem::take(&mut away) => info!("the outbox of login ends is back"),
                Ok(()) => {}
                Err(error) if !std::mem::replace(&mut away, true) => {
                    warn!(cause = %error, "cannot read the outbox of login ends; trying again");
                }
                Err(_) => {}
            }
        }
    }

    async fn deliver_due(&self, api: &AuthApi) -> Result<(), DbError> {
        for end in self.outbox.list_due(self.clock.now(), AT_ONCE).await? {
            let next = self.clock.now() + TimeDelta::seconds(pause_s(end.attempts));
            if self.outbox.claim(&end, next).await? {
                self.tracer.begin().run(self.deliver(api, &end)).await;
            }
        }
        Ok(())
    }
}

/// 2, 4, 8 and so on.
fn pause_s(attempts: i32) -> i64 {
    let doubled = u32::try_from(attempts).unwrap_or_default().min(16);
    (2_i64 << doubled).min(LONGEST_PAUSE_S)
}
