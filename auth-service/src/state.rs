//! What a handler may use.

use std::sync::Arc;

use shared::Clock;

use crate::domain::grant::Terms;
use crate::domain::key::KeyRing;
use crate::repository::clients::ClientRepository;

pub(crate) struct AppState {
    pub(crate) clients: ClientRepository,
    pub(crate) keys: KeyRing,
    pub(crate) terms: Terms,
    pub(crate) clock: Arc<dyn Clock>,
}
