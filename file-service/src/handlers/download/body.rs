//! Bodies of downloads: one piece, many, or several ranges with a head before each.

use std::ops::Range;

use actix_web::HttpResponseBuilder;
use actix_web::body::{BoxBody, MessageBody, SizedStream};
use actix_web::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use uuid::Uuid;

use super::head::content_range;
use crate::domain::file::StoredFile;
use crate::domain::media_type::served;
use crate::error::FileError;
use crate::storage::StorageError;
use crate::storage::object::{PIECE_BYTES, StoredObject};

/// An object and what is wanted of it.
pub(super) type Parts = (StoredObject, Vec<Range<u64>>);

/// What fits into one piece is read before there is an answer, which then says if it cannot be read.
pub(super) async fn of_range(
    object: &StoredObject,
    range: Range<u64>,
) -> Result<BoxBody, FileError> {
    let length = range.end.saturating_sub(range.start);
    if length <= PIECE_BYTES as u64 {
        return Ok(object.read_all(range).await?.boxed());
    }
    Ok(SizedStream::new(length, object.read(range)).boxed())
}

/// `multipart/byteranges` (RFC 9110 section 14.6), of which the answer is told.
pub(super) fn of_parts(
    answer: &mut HttpResponseBuilder,
    file: &StoredFile,
    (object, parts): Parts,
) -> BoxBody {
    let boundary = Uuid::new_v4().simple().to_string();
    let media_type = format!("multipart/byteranges; boundary={boundary}");
    answer.insert_header((CONTENT_TYPE, media_type));
    let with_heads: Vec<(Bytes, Range<u64>)> =
        parts.into_iter().map(|part| (head(file, &boundary, &part), part)).collect();
    let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let length: u64 = with_heads
        .iter()
        .map(|(head, part)| head.len() as u64 + part.end.saturating_sub(part.start))
        .sum();
    let pieces = stream::iter(with_heads).flat_map(move |(head, part)| {
        stream::once(async { Ok::<_, StorageError>(head) }).boxed().chain(object.read(part))
    });
    SizedStream::new(length + end.len() as u64, pieces.chain(stream::once(async { Ok(end) })))
        .boxed()
}

fn head(file: &StoredFile, boundary: &str, part: &Range<u64>) -> Bytes {
    let (media_type, place) = (served(&file.media_type), content_range(part, file.size_bytes));
    let head =
        format!("\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {place}\r\n\r\n");
    head.into()
}
