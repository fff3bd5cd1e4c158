//! The endpoints of the providers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::web::{Data, Form, Path, Query, ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;
use shared::Jwks;
use url::Url;
use uuid::Uuid;

use super::shapes::{id_token, tokens, user_info};
use super::{Fault, Grant, Inner, client_id, client_secret};

/// Longer than anybody waits.
const SLOW: Duration = Duration::from_secs(30);
const HUGE_BYTES: usize = 20 * 1024 * 1024;

pub(super) fn configure(app: &mut ServiceConfig) {
    app.route("/{provider}/authorize", get().to(authorize))
        .route("/{provider}/token", post().to(token))
        .route("/{provider}/userinfo", get().to(show_user))
        .route("/google/certs", get().to(certs));
}

#[derive(Deserialize)]
struct AuthorizationRequest {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    state: String,
    code_challenge: String,
    code_challenge_method: String,
    nonce: Option<String>,
    scope: Option<String>,
}

/// Somebody who is logged in there, and says yes at once.
async fn authorize(
    inner: Data<Inner>,
    provider: Path<String>,
    asked: Query<AuthorizationRequest>,
) -> HttpResponse {
    let (provider, asked) = (provider.into_inner(), asked.into_inner());
    let google = provider == "google";
    let scope = asked.scope.as_deref();
    let sound = asked.response_type == "code"
        && asked.client_id == client_id(&provider)
        && asked.code_challenge_method == "S256"
        && asked.redirect_uri.ends_with(&format!("/login/oauth2/code/{provider}"))
        && asked.nonce.is_some() == google
        && scope == google.then_some("openid email profile");
    if !sound {
        return HttpResponse::BadRequest().body("this is not what a client of ours asks");
    }
    let mut back: Url = asked.redirect_uri.parse().unwrap();
    back.query_pairs_mut().append_pair("state", &asked.state);
    if inner.fails_by(Fault::Denied) {
        back.query_pairs_mut().append_pair("error", "access_denied");
    } else {
        back.query_pairs_mut().append_pair("code", &new_code(&inner, provider, asked));
    }
    if google {
        let mixed_up = inner.fails_by(Fault::MixupIss);
        let issuer = if mixed_up { "https://other.example".to_owned() } else { inner.issuer() };
        back.query_pairs_mut().append_pair("iss", &issuer);
    }
    HttpResponse::Found().insert_header(("Location", back.as_str())).finish()
}

fn new_code(inner: &Inner, provider: String, asked: AuthorizationRequest) -> String {
    let grant = Grant {
        provider,
        client_id: asked.client_id,
        redirect_uri: asked.redirect_uri,
        challenge: asked.code_challenge,
        state: asked.state,
        nonce: asked.nonce,
        somebody: inner.somebody.lock().unwrap().clone(),
    };
    let code = Uuid::new_v4().to_string();
    inner.codes.lock().unwrap().insert(code.clone(), grant);
    code
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    code: String,
    redirect_uri: String,
    client_id: String,
    client_secret: String,
    code_verifier: String,
    state: String,
}

async fn token(
    inner: Data<Inner>,
    provider: Path<String>,
    request: HttpRequest,
    asked: Form<TokenRequest>,
) -> HttpResponse {
    inner.token_requests.fetch_add(1, Ordering::SeqCst);
    let fault = *inner.fault.lock().unwrap();
    match fault {
        Some(Fault::TokenSlow) => tokio::time::sleep(SLOW).await,
        Some(Fault::Token500) => {
            return HttpResponse::InternalServerError().json(json!({"error": "server_error"}));
        }
        Some(Fault::TokenError) => return refused(&provider),
        Some(Fault::TokenGarbage) => return HttpResponse::Ok().body("<html>not now</html>"),
        // Where the right answer would be, for who goes there with code and secret.
        Some(Fault::TokenRedirect) if request.query_string().is_empty() => {
            let elsewhere = format!("{}/{provider}/token?elsewhere", inner.url);
            return HttpResponse::TemporaryRedirect()
                .insert_header(("Location", elsewhere))
                .finish();
        }
        _ => {}
    }
    let Some(grant) = redeemed(&inner, &provider, &asked) else { return refused(&provider) };
    let access_token = Uuid::new_v4().to_string();
    inner.tokens.lock().unwrap().insert(access_token.clone(), grant.clone());
    let google = *provider == "google" && fault != Some(Fault::NoIdToken);
    HttpResponse::Ok().json(tokens(
        &provider,
        &access_token,
        google.then(|| id_token(&inner, &grant)),
    ))
}

/// What the code stands for. It is used up, whoever comes with it.
fn redeemed(inner: &Inner, provider: &str, asked: &TokenRequest) -> Option<Grant> {
    let grant = inner.codes.lock().unwrap().remove(&asked.code)?;
    let hash =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, asked.code_verifier.as_bytes());
    let sound = asked.grant_type == "authorization_code"
        && grant.provider == provider
        && grant.client_id == asked.client_id
        && asked.client_secret == client_secret(provider)
        && asked.redirect_uri == grant.redirect_uri
        && asked.state == grant.state
        && URL_SAFE_NO_PAD.encode(hash) == grant.challenge;
    sound.then_some(grant)
}

/// Each refuses in its own way.
fn refused(provider: &str) -> HttpResponse {
    match provider {
        "naver" => HttpResponse::Ok().json(
            json!({"error": "invalid_request", "error_description": "no valid data in session"}),
        ),
        "kakao" => HttpResponse::BadRequest().json(json!({"error": "invalid_grant",
            "error_description": "authorization code not found", "error_code": "KOE320"})),
        _ => HttpResponse::BadRequest()
            .json(json!({"error": "invalid_grant", "error_description": "Bad Request"})),
    }
}

async fn show_user(
    inner: Data<Inner>,
    provider: Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    let fault = *inner.fault.lock().unwrap();
    match fault {
        Some(Fault::UserinfoSlow) => tokio::time::sleep(SLOW).await,
        Some(Fault::Userinfo500) => return HttpResponse::InternalServerError().body("no"),
        Some(Fault::UserinfoGarbage) => return HttpResponse::Ok().body("<html>not now</html>"),
        Some(Fault::UserinfoShape) => return HttpResponse::Ok().json(json!({"user": [1, 2]})),
        _ => {}
    }
    let bearer = request.headers().get("Authorization").and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|bearer| bearer.strip_prefix("Bearer ")).unwrap_or_default();
    let grant = inner.tokens.lock().unwrap().get(token).cloned();
    match grant.filter(|grant| grant.provider == *provider && fault != Some(Fault::Userinfo401)) {
        Some(grant) if fault == Some(Fault::HugeUserinfo) => {
            // Right, for who reads to the end.
            let padding = " ".repeat(HUGE_BYTES);
            HttpResponse::Ok().body(format!("{padding}{}", user_info(&grant, fault)))
        }
        Some(grant) => HttpResponse::Ok().json(user_info(&grant, fault)),
        None => HttpResponse::Unauthorized().json(json!({"error": "invalid_token"})),
    }
}

async fn certs(inner: Data<Inner>) -> HttpResponse {
    if inner.fails_by(Fault::Certs500) {
        return HttpResponse::InternalServerError().body("no");
    }
    HttpResponse::Ok().json(Jwks { keys: vec![inner.google.signer().public_key().clone()] })
}
