//! `GET /openapi.json`, and `GET /docs`, a page that shows it: files in the binary, nothing fetched from elsewhere, no
//! script but its own.

use std::cell::OnceCell;
use std::rc::Rc;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use utoipa::openapi::OpenApi;

use super::{Document, DocumentError, Policies};
use crate::routes::Routes;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const DOCUMENT_PATH: &str = "/openapi.json";
const JSON: &str = "application/json";

/// A file of the page, or the document.
#[derive(Clone)]
struct Shown {
    media_type: &'static str,
    bytes: Bytes,
    etag: Rc<str>,
}

impl Shown {
    fn new(media_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let hash = digest(&SHA256, &bytes);
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.as_ref()));
        Self { media_type, bytes, etag: etag.into() }
    }

    /// Kept by whoever likes, and asked for again each time: a new release is seen at once.
    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let unchanged = known.is_some_and(|known| {
            known.split(',').any(|one| *one.trim().trim_start_matches("W/") == *self.etag)
        });
        let mut answer = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer
            .insert_header((ETAG, &*self.etag))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if unchanged {
            answer.finish()
        } else {
            answer.content_type(self.media_type).body(self.bytes.clone())
        }
    }
}

/// The document as its file has it.
#[must_use]
pub fn to_json(document: &OpenApi) -> String {
    // All of it are texts, numbers and lists of them: it can be written.
    document.to_pretty_json().unwrap_or_default() + "\n"
}

/// Prints the document; exit code 1 when there is none, or it does not fit its routes.
#[cfg(feature = "process")]
pub fn print(routes: &Routes) -> std::process::ExitCode {
    crate::server::exit(routes.document().map(|document| print!("{}", to_json(&document))))
}

const FILES: [(&str, &str, &str); 3] = [
    ("/docs", "text/html; charset=utf-8", include_str!("page/docs.html")),
    ("/docs/docs.css", "text/css; charset=utf-8", include_str!("page/docs.css")),
    ("/docs/docs.js", "text/javascript; charset=utf-8", include_str!("page/docs.js")),
];

/// Routes, and what is to be said of them.
#[derive(Clone)]
pub(crate) struct Described {
    policies: Rc<Policies>,
    document: fn() -> Document,
}

impl Described {
    /// What is wrong with it.
    pub(crate) fn check(&self) -> Vec<String> {
        (self.document)().check(&self.policies)
    }

    fn document(&self) -> Result<OpenApi, DocumentError> {
        (self.document)().of(&self.policies)
    }
}

impl Routes {
    /// The document of [documented](Self::documented) routes.
    ///
    /// # Errors
    /// A [`DocumentError`] where there is none, or it does not fit the routes.
    pub fn document(&self) -> Result<OpenApi, DocumentError> {
        let missing = || DocumentError::of("the routes have no document");
        self.described.as_ref().ok_or_else(missing).and_then(Described::document)
    }

    /// The same routes with `GET /openapi.json`, which describes those that stand before it, and `GET /docs`, which shows it;
    /// for everybody. What the document forgets is found by [`audit`](Self::audit).
    #[must_use]
    pub fn documented(mut self, document: fn() -> Document) -> Self {
        let described = Described { policies: Rc::new(self.policies()), document };
        self.described = Some(described.clone());
        // Written when somebody asks for the first time.
        let written = Rc::new(OnceCell::new());
        let routes = self.get(DOCUMENT_PATH, move |request: HttpRequest| {
            let write = || described.document().map(|own| to_json(&own)).unwrap_or_default();
            let answer = written.get_or_init(|| Shown::new(JSON, write())).answer(&request);
            async move { answer }
        });
        FILES.iter().fold(routes.public(), |routes, (path, media_type, text)| {
            let shown = Shown::new(media_type, text.as_bytes());
            let show = move |request: HttpRequest| {
                let answer = shown.answer(&request);
                async move { answer }
            };
            routes.get(path, show).public()
        })
    }
}
