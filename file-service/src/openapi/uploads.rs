//! Files on their way in.

use shared::openapi::{Operation, uuid};
use shared::reply::ErrorCode;
use shared::reply::codes::{
    BAD_JSON, IDEMPOTENCY_KEY_REUSED, MEDIA_TYPE, METHOD_NOT_ALLOWED, UNAVAILABLE, VALIDATION,
};
use utoipa::ToSchema;

use crate::handlers::announced::UploadQuery;
use crate::handlers::{FileView, resumable, tus, upload};
use crate::reply::{
    NO_SUCH_FILE, OVER_QUOTA, TOO_LARGE, TOO_SLOW, TUS_VERSION, UPLOAD_BUSY, WRONG_CHECKSUM,
    WRONG_DIGEST, WRONG_OFFSET,
};

/// A form with one file (RFC 7578).
#[derive(ToSchema)]
#[expect(dead_code, reason = "read as it comes, never as a whole")]
struct FileForm {
    /// Its name and its media type are those of the file; a `Content-Digest` may stand in the head of its part.
    #[schema(value_type = String, format = "binary")]
    file: Vec<u8>,
}

const UPLOADS: &str = "/api/files/uploads";
const ONE: &str = "/api/files/uploads/{id}";
const VERSION: (&str, &str) = ("Tus-Resumable", "`1.0.0`.");
const OFFSET: (&str, &str) = ("Upload-Offset", "How many bytes have come.");
const FILE_ID: (&str, &str) =
    ("Baton-File-Id", "The file that the upload has become, when all bytes have come.");
const EXPIRES: (&str, &str) = ("Upload-Expires", "When the upload is given up.");
const BROKEN: [&ErrorCode; 7] =
    [&VALIDATION, &BAD_JSON, &TOO_SLOW, &TOO_LARGE, &OVER_QUOTA, &MEDIA_TYPE, &UNAVAILABLE];

pub(super) fn all() -> [Operation; 8] {
    [
        whole(),
        options(Operation::options(UPLOADS, resumable::show_options))
            .named("showUploadOptions", "Ask what resumable uploads can do"),
        begin(),
        of_upload(Operation::head(ONE, resumable::show_progress))
            .named("showUploadProgress", "Ask how far an upload is")
            .gives_nothing(200, "How far it is.")
            .with(OFFSET.0, OFFSET.1)
            .with("Upload-Length", "How many bytes there will be.")
            .with("Upload-Metadata", "What was said of the file.")
            .with(EXPIRES.0, EXPIRES.1)
            .with(FILE_ID.0, FILE_ID.1),
        append(Operation::patch(ONE, resumable::append))
            .named("appendToUpload", "Send more bytes of an upload"),
        of_upload(Operation::delete(ONE, resumable::terminate))
            .named("terminateUpload", "Give an upload up")
            .gives_nothing(204, "It is gone.")
            .fails(&[&UPLOAD_BUSY]),
        append(Operation::post(ONE, resumable::overridden))
            .named("overrideUploadMethod", "The same for clients that know no other method")
            .about("Does what `X-HTTP-Method-Override` says, and answers as that.")
            .required_header("X-HTTP-Method-Override", "`PATCH`, `HEAD` or `DELETE`.")
            .gives_nothing(200, "As `HEAD`.")
            .with(OFFSET.0, OFFSET.1)
            .fails(&[&METHOD_NOT_ALLOWED]),
        options(Operation::options(ONE, resumable::show_options))
            .named("showUploadOptionsOfOne", "Ask what resumable uploads can do, at one of them")
            .part(("id", "The upload."), uuid()),
    ]
}

fn whole() -> Operation {
    Operation::post("/api/files", upload::upload_file)
        .named("uploadFile", "Upload a file in one request")
        .about(
            "As it is, or as the one file of a form. It is there when it is whole, or not at all.",
        )
        .query::<UploadQuery>()
        .header("Content-Digest", "`sha-256=:<base64>:` (RFC 9530): other bytes are refused.")
        .header("Idempotency-Key", "Sent again under the same key, the upload makes one file.")
        .body::<FileForm>("multipart/form-data", true)
        .bytes("application/octet-stream", true)
        .gives_data::<FileView>(200, "The file that this key has made before.")
        .gives_data::<FileView>(201, "The file.")
        .fails(&BROKEN)
        .fails(&[&WRONG_DIGEST, &IDEMPOTENCY_KEY_REUSED])
}

fn begin() -> Operation {
    tus(Operation::post(UPLOADS, resumable::begin_upload))
        .named("beginUpload", "Begin a resumable upload")
        .about("Of any size; with its first bytes or without. In the metadata `filename` is needed, `filetype` and `expiresAt` may be there.")
        .required_header("Upload-Length", "How many bytes there will be.")
        .required_header("Upload-Metadata", "Names with values in base64, for example `filename anVseS5jc3Y=`.")
        .header("Upload-Checksum", "`sha256 <base64>` or `sha1 <base64>` of the first bytes.")
        .bytes(tus::CONTENT, false)
        .gives_nothing(201, "It has begun.")
        .with("Location", "Where its bytes go.")
        .with(OFFSET.0, OFFSET.1)
        .with(EXPIRES.0, EXPIRES.1)
        .with(FILE_ID.0, FILE_ID.1)
        .fails(&BROKEN)
        .fails(&[&WRONG_CHECKSUM])
}

fn append(operation: Operation) -> Operation {
    of_upload(operation)
        .required_header("Upload-Offset", "Where these bytes begin: as many as have come.")
        .header(
            "Upload-Checksum",
            "`sha256 <base64>` or `sha1 <base64>`: the bytes are taken whole or not at all.",
        )
        .bytes(tus::CONTENT, true)
        .gives_nothing(204, "They are kept.")
        .with(OFFSET.0, OFFSET.1)
        .with(EXPIRES.0, EXPIRES.1)
        .with(FILE_ID.0, FILE_ID.1)
        .fails(&BROKEN)
        .fails(&[&WRONG_OFFSET, &UPLOAD_BUSY, &WRONG_CHECKSUM])
}

fn options(operation: Operation) -> Operation {
    operation
        .gives_nothing(204, "What can be done.")
        .with(VERSION.0, VERSION.1)
        .with("Tus-Version", "`1.0.0`.")
        .with("Tus-Extension", "Which extensions there are.")
        .with("Tus-Max-Size", "How large a file may be, in bytes.")
        .with("Tus-Checksum-Algorithm", "`sha256,sha1`.")
}

fn of_upload(operation: Operation) -> Operation {
    tus(operation).part(("id", "The upload."), uuid()).fails(&[&NO_SUCH_FILE, &UNAVAILABLE])
}

fn tus(operation: Operation) -> Operation {
    operation.required_header(VERSION.0, VERSION.1).fails(&[&TUS_VERSION])
}
