//! Every path, its method, its policy.

use shared::Routes;
use shared::extractor::show_session;
use shared::reply::input::json_config;

use crate::handlers;

/// 500 users, however long their names.
const MAX_IMPORT_BYTES: usize = 2 * 1024 * 1024;

#[rustfmt::skip]
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/session", show_session).session()
        .get("/api/me", handlers::find_me).session()
        .get("/api/users", handlers::list_users).session().scope("user:read")
        .get("/api/users/{id}", handlers::find_user).session().scope("user:read")
        .post("/internal/users/import", handlers::import_users).session().scope("user:import")
            .path_data(json_config(MAX_IMPORT_BYTES))
}
