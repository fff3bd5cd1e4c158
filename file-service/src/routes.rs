//! Every path, its method, its guard.

use actix_web::web::{ServiceConfig, delete, get, post, resource, scope};
use shared::extractor::show_session;
use shared::{require_scope, require_session};

use crate::handlers;

const READ: &str = "file:read";
const WRITE: &str = "file:write";

pub(crate) fn configure(app: &mut ServiceConfig) {
    app.service(resource("/api/session").wrap(require_session()).route(get().to(show_session)))
        .service(
            scope("/api/files")
                .wrap(require_session())
                .service(
                    resource("")
                        .route(get().to(handlers::list_files).wrap(require_scope(READ)))
                        .route(post().to(handlers::upload_file).wrap(require_scope(WRITE))),
                )
                .service(
                    resource("/{id}")
                        .route(get().to(handlers::download_file).wrap(require_scope(READ)))
                        .route(delete().to(handlers::delete_file).wrap(require_scope(WRITE))),
                ),
        );
}
