//! A file on its way out.

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::header::{
    self, CACHE_CONTROL, CONTENT_SECURITY_POLICY, Charset, ContentDisposition, DispositionParam,
    DispositionType, ETag, EntityTag, ExtendedValue, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Data, Path};
use shared::{ApiError, Session};

use crate::domain;
use crate::domain::file::{FileId, FileName};
use crate::state::AppState;

/// The bytes as they came, as a download and nothing else: they are a stranger's, and no browser may run them.
pub(crate) async fn download_file(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = FileId::parse(&id)?;
    let (file, content) = domain::open_file(&state, session.tenant(), id).await?;
    let answer = HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, file.media_type.as_str()))
        .insert_header(as_attachment(&file.name))
        .insert_header(ETag(EntityTag::new_strong(file.sha256.to_string())))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .body(SizedStream::new(file.size_bytes, content));
    Ok(answer)
}

/// RFC 6266: the name in ASCII for old clients, and as it is.
fn as_attachment(name: &FileName) -> ContentDisposition {
    let exact = ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: name.as_str().as_bytes().to_vec(),
    };
    ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![
            DispositionParam::Filename(name.in_ascii()),
            DispositionParam::FilenameExt(exact),
        ],
    }
}
