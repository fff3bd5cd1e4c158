//! Every path, its method, its guard.

use actix_web::web::{ServiceConfig, get, post, resource, scope};
use shared::extractor::show_session;
use shared::reply::input::json_config;
use shared::{require_scope, require_session};

use crate::handlers;

/// 500 users, however long their names.
const MAX_IMPORT_BYTES: usize = 2 * 1024 * 1024;

pub(crate) fn configure(app: &mut ServiceConfig) {
    app.service(resource("/api/session").wrap(require_session()).route(get().to(show_session)))
        .service(resource("/api/me").wrap(require_session()).route(get().to(handlers::find_me)))
        .service(
            scope("/api/users")
                .wrap(require_scope("user:read"))
                .wrap(require_session())
                .service(resource("").route(get().to(handlers::list_users)))
                .service(resource("/{id}").route(get().to(handlers::find_user))),
        )
        .service(
            scope("/internal/users")
                .wrap(require_scope("user:import"))
                .wrap(require_session())
                .service(
                    resource("/import")
                        .app_data(json_config(MAX_IMPORT_BYTES))
                        .route(post().to(handlers::import_users)),
                ),
        );
}
