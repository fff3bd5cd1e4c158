//! What the routes do, in words for whoever writes a client.

mod downloads;
mod uploads;

use shared::openapi::{Document, Operation, uuid};
use shared::reply::codes::UNAVAILABLE;
use utoipa::ToSchema;

use crate::handlers::{self, expiry};
use crate::reply::{NO_DOWNLOAD_URL, NO_SUCH_FILE, OVER_QUOTA, TOO_LARGE, WRONG_OFFSET};

/// How large a file may be.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "the data of F002, as it is put together in reply.rs")]
struct LargestFile {
    max_file_bytes: u64,
}

/// How much the company may keep, and how much it keeps.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "the data of F002, as it is put together in reply.rs")]
struct UsedQuota {
    quota_bytes: u64,
    used_bytes: u64,
}

/// Where the upload is.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "the data of F005, as it is put together in reply.rs")]
struct UploadOffset {
    offset_bytes: u64,
}

/// The document of this service.
pub fn document() -> Document {
    Document::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        "The files of companies, streamed in and out. A session sees the files of its company and of no other.",
    )
    .detail::<LargestFile>(&TOO_LARGE)
    .detail::<UsedQuota>(&OVER_QUOTA)
    .detail::<UploadOffset>(&WRONG_OFFSET)
    .group(("Files", "What is known of files."), files())
    .group(("Downloads", "The bytes of a file, whole or in parts."), downloads::all())
    .group(("Uploads", "A file in one request, or in many (tus 1.0)."), uploads::all())
    .group(("Session", "Who is calling."), [Operation::show_session()])
    .group(("Internal", "For the batch, and for nobody else."), [expired()])
}

fn files() -> [Operation; 4] {
    [
        Operation::get("/api/files", handlers::list_files)
            .named("listFiles", "List files, page by page")
            .gives(200, "A page of files.")
            .fails(&[&UNAVAILABLE]),
        Operation::get("/api/files/usage", handlers::show_usage)
            .named("showUsage", "Show how much the company keeps, and may keep")
            .gives(200, "Both, in bytes.")
            .fails(&[&UNAVAILABLE]),
        of_file(Operation::get("/api/files/{id}/metadata", handlers::show_file))
            .named("findFile", "Find what is known of a file")
            .gives(200, "The file, without its bytes."),
        of_file(Operation::delete("/api/files/{id}", handlers::delete_file))
            .named("deleteFile", "Delete a file")
            .gives(200, "It is gone for everybody."),
    ]
}

fn expired() -> Operation {
    Operation::get("/internal/expired/companies", expiry::list_companies)
        .named("listCompaniesOfExpiredFiles", "List the companies with files that have expired")
        .gives(200, "The companies.")
        .fails(&[&UNAVAILABLE])
}

fn of_file(operation: Operation) -> Operation {
    operation.part(("id", "The file."), uuid()).fails(&[&NO_SUCH_FILE, &UNAVAILABLE])
}

fn download_url() -> Operation {
    of_file(Operation::post("/api/files/{id}/download-url", handlers::sign_download))
        .named("signDownload", "Make an address by which anybody may download this one file")
        .about("Good for a minute, and for storage that has such addresses.")
        .gives(200, "The address.")
        .with("Cache-Control", "`no-store`: nobody on the way keeps it.")
        .fails(&[&NO_DOWNLOAD_URL])
}
