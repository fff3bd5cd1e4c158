//! [`Author`]: in whose name something is written.

use shared::{Session, Tenant, UserId};

/// A user, and the client that acts on his behalf.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) session: Session,
    /// None: the user alone.
    pub(crate) through: Option<String>,
}

impl Author {
    pub(crate) fn tenant(&self) -> Tenant {
        self.session.tenant()
    }

    pub(crate) fn user_id(&self) -> UserId {
        self.session.user_id()
    }
}
