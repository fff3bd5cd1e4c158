//! What a handler may use.

use std::sync::Arc;

use shared::Clock;
use shared::db::Db;

use crate::domain::intake::Crowd;
use crate::domain::recent::RecentFiles;
use crate::domain::upload::Limits;
use crate::repository::expired_files::ExpiredFiles;
use crate::repository::files::FileRepository;
use crate::repository::loose_objects::LooseObjectRepository;
use crate::repository::upload_sweep::UploadSweep;
use crate::repository::uploads::UploadRepository;
use crate::repository::usage::UsageRepository;
use crate::storage::Storage;

pub(crate) struct AppState {
    pub(crate) files: FileRepository,
    pub(crate) recent_files: RecentFiles,
    pub(crate) expired_files: ExpiredFiles,
    pub(crate) loose_objects: LooseObjectRepository,
    pub(crate) uploads: UploadRepository,
    pub(crate) upload_sweep: UploadSweep,
    pub(crate) usage: UsageRepository,
    pub(crate) storage: Storage,
    pub(crate) limits: Limits,
    pub(crate) crowd: Crowd,
    pub(crate) clock: Arc<dyn Clock>,
}

impl AppState {
    pub(crate) fn new(
        db: &Db,
        (storage, limits): (Storage, Limits),
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            files: FileRepository::new(db.clone()),
            recent_files: RecentFiles::new(Arc::clone(&clock)),
            expired_files: ExpiredFiles::new(db.clone()),
            loose_objects: LooseObjectRepository::new(db.clone()),
            uploads: UploadRepository::new(db.clone()),
            upload_sweep: UploadSweep::new(db.clone()),
            usage: UsageRepository::new(db.clone()),
            storage,
            limits,
            crowd: Crowd::default(),
            clock,
        }
    }
}
