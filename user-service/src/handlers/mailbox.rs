//! The mail that would have been sent, to be read on this machine while there is no mail server.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use shared::ApiError;
use shared::reply::codes;

use crate::mail::mailbox::Shown;
use crate::state::AppState;

/// Nothing is loaded, nothing runs, nobody frames it.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) async fn show(
    state: Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let mails: String = list(&state, &request).await?.iter().map(shown).collect();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Mailbox</title>\n\
         <h1>Mailbox</h1>\n<p>Mail that would have been sent, the newest first.</p>\n{mails}</html>\n"
    );
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(page))
}

/// For tests.
pub(crate) async fn list_messages(
    state: Data<AppState>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let mails = list(&state, &request).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(mails))
}

async fn list(state: &AppState, request: &HttpRequest) -> Result<Vec<Shown>, ApiError> {
    let nowhere = || ApiError::new(&codes::NO_SUCH_PATH);
    let folder = state.post.folder().filter(|_| is_here(request)).ok_or_else(nowhere)?;
    folder.list().await.map_err(ApiError::unexpected)
}

/// A page of somebody else, whose name leads to this machine for a moment, must not read codes (DNS rebinding). It may send
/// any header but this one.
fn is_here(request: &HttpRequest) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

fn shown(mail: &Shown) -> String {
    let Shown { to, subject, text, at, .. } = mail;
    let [to, subject, text] = [to, subject, text].map(|part| escaped(part));
    format!("<hr>\n<h2>{subject}</h2>\n<p>To {to}, {at}</p>\n<pre>{text}</pre>\n")
}

fn escaped(text: &str) -> String {
    let replace = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_who_asks_this_machine_by_its_own_name_may_read() {
        let table = [
            ("127.0.0.1:9001", true),
            ("localhost:9001", true),
            ("localhost", true),
            ("[::1]:9001", true),
            ("evil.example:9001", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ];
        for (host, good) in table {
            let request = TestRequest::default().insert_header(("host", host));
            let request = request.insert_header(("x-forwarded-host", "localhost"));
            let request = request.to_http_request();
            assert_eq!(is_here(&request), good, "{host}");
        }
    }

    #[test]
    fn what_is_written_in_a_mail_stays_text() {
        let mail = Shown {
            to: "a@b.c".to_owned(),
            subject: "<script>".to_owned(),
            text: "\"'&</pre>".to_owned(),
            html: String::new(),
            at: shared::Timestamp::default(),
        };
        let page = shown(&mail);
        assert!(!page.contains("<script>") && page.matches("</pre>").count() == 1, "{page}");
    }
}
