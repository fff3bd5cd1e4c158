//! What a handler may use.

use std::sync::Arc;

use shared::Clock;

use crate::domain::recent::RecentFiles;
use crate::domain::upload::Limits;
use crate::repository::FileRepository;
use crate::repository::loose_objects::LooseObjectRepository;
use crate::storage::Storage;

pub(crate) struct AppState {
    pub(crate) files: FileRepository,
    pub(crate) recent_files: RecentFiles,
    pub(crate) loose_objects: LooseObjectRepository,
    pub(crate) storage: Storage,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
}
