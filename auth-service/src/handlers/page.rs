//! The account page: files in the binary, nothing fetched from elsewhere, no script but its own.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use shared::ApiResponse;

use crate::domain::person::Provider;
use crate::state::AppState;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(crate) async fn show_page() -> HttpResponse {
    file("text/html; charset=utf-8", include_str!("../page/account.html"))
}

pub(crate) async fn show_style() -> HttpResponse {
    file("text/css; charset=utf-8", include_str!("../page/account.css"))
}

pub(crate) async fn show_script() -> HttpResponse {
    file("text/javascript; charset=utf-8", include_str!("../page/account.js"))
}

pub(crate) async fn show_words() -> HttpResponse {
    file("text/javascript; charset=utf-8", include_str!("../page/words.js"))
}

/// By whom somebody may come, beside a password.
pub(crate) async fn list_providers(state: Data<AppState>) -> ApiResponse<Vec<Provider>> {
    ApiResponse::ok(state.providers())
}

/// A new release is seen at once.
fn file(media_type: &str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text)
}
