//! Every path, its method, its policy.

use shared::Routes;
use shared::extractor::show_session;

use crate::handlers;

#[rustfmt::skip]
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/session", show_session).session()
        .get("/api/files", handlers::list_files).session().scope("file:read")
        .post("/api/files", handlers::upload_file).session().scope("file:write")
        .get("/api/files/{id}", handlers::download_file).session().scope("file:read")
        .head("/api/files/{id}", handlers::download_file).session().scope("file:read")
        .delete("/api/files/{id}", handlers::delete_file).session().scope("file:write")
}
