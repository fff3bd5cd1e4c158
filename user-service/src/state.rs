//! What a handler may use.

use std::sync::Arc;

use shared::Clock;

use crate::repository::UserRepository;

pub(crate) struct AppState {
    pub(crate) users: UserRepository,
    pub(crate) clock: Arc<dyn Clock>,
}
