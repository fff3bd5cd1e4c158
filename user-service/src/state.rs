//! What a handler may use.

use std::sync::Arc;

use shared::cache::Cache;
use shared::{Clock, CompanyId};

use crate::hashing::Hashing;
use crate::limits::Limits;
use crate::login_ends::LoginEnds;
use crate::mail::post::Post;
use crate::repository::UserRepository;
use crate::repository::accounts::AccountRepository;
use crate::upkeep::Upkeep;

pub(crate) struct AppState {
    pub(crate) users: UserRepository,
    pub(crate) accounts: AccountRepository,
    pub(crate) cache: Cache,
    pub(crate) limits: Limits,
    pub(crate) hashing: Hashing,
    pub(crate) post: Arc<Post>,
    pub(crate) login_ends: Arc<LoginEnds>,
    /// The company of all who sign up; none: each gets one of his own.
    pub(crate) signup_company: Option<CompanyId>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) _upkeep: Upkeep,
}
