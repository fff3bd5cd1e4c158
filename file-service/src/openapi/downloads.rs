//! Files on their way out.

use shared::openapi::Operation;
use shared::reply::codes::VALIDATION;

use super::{download_url, of_file};
use crate::handlers::download::{self, DownloadQuery};
use crate::reply::{PRECONDITION_FAILED, RANGE_NOT_SATISFIABLE};

const ANY: &str = "*/*";

pub(super) fn all() -> [Operation; 3] {
    let get = of_download(Operation::get("/api/files/{id}", download::download_file))
        .named("downloadFile", "Download a file, or parts of it")
        .header("Range", "Some of the bytes (RFC 9110 section 14.2), for example `bytes=0-1023`.")
        .header("If-Range", "The parts are wanted only if the file is still this one.")
        .gives_bytes((206, ANY), "Some of the bytes; several parts come as `multipart/byteranges`.")
        .with("Content-Range", "Which bytes these are, if they are one part.")
        .with("ETag", "The file's SHA-256.")
        .gives_bytes((200, ANY), "The bytes.")
        .fails(&[&RANGE_NOT_SATISFIABLE]);
    let head = of_download(Operation::head("/api/files/{id}", download::download_file))
        .named("describeDownload", "Ask what a download would be, without its bytes")
        .gives_nothing(200, "What is known of the bytes.")
        .with("Content-Length", "How many bytes there are.");
    [described(get), described(head), download_url()]
}

/// The headers of the last answer.
fn described(operation: Operation) -> Operation {
    operation
        .with("ETag", "The file's SHA-256, for `If-None-Match`, `If-Match` and `If-Range`.")
        .with("Last-Modified", "When the file came.")
        .with("Content-Disposition", "The file's name, and whether a browser may show it.")
        .with("Accept-Ranges", "`bytes`.")
        .gives_nothing(304, "The caller has it.")
        .with("ETag", "The file's SHA-256.")
}

fn of_download(operation: Operation) -> Operation {
    of_file(operation)
        .query::<DownloadQuery>()
        .header("If-None-Match", "Nothing is sent if the caller has one of these.")
        .header("If-Match", "Something is sent only if the file is one of these.")
        .header("If-Modified-Since", "Nothing is sent if the file is not newer.")
        .header("If-Unmodified-Since", "Something is sent only if the file is not newer.")
        .fails(&[&VALIDATION, &PRECONDITION_FAILED])
}
