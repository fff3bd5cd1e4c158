//! Every path, its method, its policy.

use actix_web::http::Method;
use shared::Routes;
use shared::extractor::show_session;

use crate::handlers::{self, download, expiry, resumable, upload};
use crate::openapi;

#[rustfmt::skip]
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/session", show_session).session()
        .get("/api/files", handlers::list_files).session().scope("file:read")
        .post("/api/files", upload::upload_file).session().scope("file:write")
        .get("/api/files/usage", handlers::show_usage).session().scope("file:read")
        .route(Method::OPTIONS, "/api/files/uploads", resumable::show_options).public()
        .post("/api/files/uploads", resumable::begin_upload).session().scope("file:write")
        // After the paths that it would match, and before those that are asked less often: they are tried one by one.
        .get("/api/files/{id}", download::download_file).session().scope("file:read")
        .head("/api/files/{id}", download::download_file).session().scope("file:read")
        .delete("/api/files/{id}", handlers::delete_file).session().scope("file:write")
        .route(Method::OPTIONS, "/api/files/uploads/{id}", resumable::show_options).public()
        .head("/api/files/uploads/{id}", resumable::show_progress).session().scope("file:write")
        .post("/api/files/uploads/{id}", resumable::overridden).session().scope("file:write")
        .patch("/api/files/uploads/{id}", resumable::append).session().scope("file:write")
        .delete("/api/files/uploads/{id}", resumable::terminate).session().scope("file:write")
        .get("/api/files/{id}/metadata", handlers::show_file).session().scope("file:read")
        .post("/api/files/{id}/download-url", handlers::sign_download).session().scope("file:read")
        // Which companies there is work for: asked by a program on nobody's behalf.
        .get("/internal/expired/companies", expiry::list_companies).scope("file:expire")
        .documented(openapi::document)
}
