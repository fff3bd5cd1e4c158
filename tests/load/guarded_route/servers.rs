//! The servers that are compared: one JSON route each, one worker.

use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{App, Error, HttpMessage, HttpRequest, HttpServer, error, web};
use actix_web_httpauth::extractors::bearer::BearerAuth;
use actix_web_httpauth::middleware::HttpAuthentication;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use shared::{
    Clock, Expectation, Jwk, KeySet, Routes, SessionMiddleware, SystemClock, TokenVerifier,
};

use crate::harness::Failure;
use crate::process::READY;

/// Whom the tokens are for.
pub const AUDIENCE: &str = "order-service";
/// Who signs them.
pub const ISSUER: &str = "https://auth.example";

/// Which server.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Server {
    /// The route and nothing else.
    Plain,
    /// Behind the session middleware and the guard.
    Guarded,
    /// The least that a handler must do by itself: the signature, with a key that is parsed once, and the claims.
    BareVerify,
    /// What one would take without us: every request is verified, the key is parsed each time.
    Httpauth,
}

impl Server {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Guarded => "guarded",
            Self::BareVerify => "bare-verify",
            Self::Httpauth => "httpauth",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    id: u64,
    state: &'static str,
    amount: u64,
    currency: &'static str,
}

/// The same for all servers.
async fn show_order() -> web::Json<Order> {
    web::Json(Order { id: 4711, state: "PAID", amount: 129_000, currency: "KRW" })
}

/// Serves until it is killed. `jwk` is the public key of whoever signs the tokens.
pub async fn serve(server: Server, port: u16, jwk: &str) -> Result<(), Failure> {
    let jwk: Jwk = serde_json::from_str(jwk)?;
    match server {
        Server::Plain => plain(port).await,
        Server::Guarded => guarded(port, jwk).await,
        Server::BareVerify => bare_verify(port, jwk).await,
        Server::Httpauth => httpauth(port, &jwk).await,
    }
}

async fn plain(port: u16) -> Result<(), Failure> {
    let app = || App::new().route("/order", web::get().to(show_order));
    listen(HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run()).await
}

async fn guarded(port: u16, jwk: Jwk) -> Result<(), Failure> {
    let issuer = ISSUER.to_owned();
    let expectation = Expectation { issuer, audience: AUDIENCE.to_owned(), max_lifetime_s: 3600 };
    let keys = Arc::new(KeySet::from_jwks([jwk])?);
    let verifier = TokenVerifier::new(keys, expectation, SystemClock::shared());
    let app = move || {
        App::new()
            .wrap(SessionMiddleware::new(verifier.clone()))
            .configure(|app| Routes::new().get("/order", show_order).session().configure(app))
    };
    listen(HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run()).await
}

async fn bare_verify(port: u16, jwk: Jwk) -> Result<(), Failure> {
    let key = web::Data::new(parsed(&jwk)?);
    let app = move || {
        App::new().app_data(key.clone()).route("/order", web::get().to(verify_and_show_order))
    };
    listen(HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run()).await
}

async fn httpauth(port: u16, jwk: &Jwk) -> Result<(), Failure> {
    let jwk = serde_json::from_value(serde_json::to_value(jwk)?)?;
    let key = web::Data::new(DecodingKey::from_jwk(&jwk)?);
    let app = move || {
        App::new()
            .app_data(key.clone())
            .wrap(HttpAuthentication::bearer(validate))
            .route("/order", web::get().to(show_order))
    };
    listen(HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run()).await
}

async fn listen(server: actix_web::dev::Server) -> Result<(), Failure> {
    println!("{READY}");
    Ok(server.await?)
}

fn parsed(jwk: &Jwk) -> Result<ParsedPublicKey, Failure> {
    let member = |member: &Option<String>| URL_SAFE_NO_PAD.decode(member.as_deref().unwrap_or(""));
    let key = match jwk.kty.as_str() {
        "EC" => {
            let point = [vec![4], member(&jwk.x)?, member(&jwk.y)?].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        }
        "OKP" => ParsedPublicKey::new(&ED25519, member(&jwk.x)?),
        _ => RsaPublicKeyComponents { n: member(&jwk.n)?, e: member(&jwk.e)? }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
    };
    Ok(key.map_err(|error| error.to_string())?)
}

/// What a service needs of a token; the same for the handler and the validator.
#[derive(Clone, Deserialize)]
struct Looked {
    iss: String,
    sub: String,
    aud: Vec<String>,
    client_id: String,
    scope: Vec<String>,
    iat: i64,
    exp: i64,
    jti: String,
    session: String,
}

/// The session in it: without it nobody knows for whom to work.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LookedSession {
    company_id: i64,
    user_id: i64,
    roles: Vec<String>,
}

impl Looked {
    fn session(&self) -> Option<LookedSession> {
        let named = ![&self.sub, &self.client_id, &self.jti].iter().any(|name| name.is_empty());
        let session: LookedSession = serde_json::from_str(&self.session).ok()?;
        let known = session.company_id > 0 && session.user_id > 0 && session.roles.len() < 100;
        (named && known && self.scope.len() < 100 && self.iat < self.exp).then_some(session)
    }
}

async fn verify_and_show_order(
    request: HttpRequest,
    key: web::Data<ParsedPublicKey>,
) -> Result<web::Json<Order>, Error> {
    let refused = || error::ErrorUnauthorized("no");
    let session = verify(&request, &key).ok_or_else(refused)?;
    request.extensions_mut().insert(session);
    Ok(show_order().await)
}

fn verify(request: &HttpRequest, key: &ParsedPublicKey) -> Option<LookedSession> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (message, signature) = header.strip_prefix("Bearer ")?.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    key.verify_sig(message.as_bytes(), &signature).ok()?;
    let (_, payload) = message.split_once('.')?;
    let looked: Looked = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let known = looked.iss == ISSUER && looked.aud.iter().any(|own| own == AUDIENCE);
    let alive = looked.exp > SystemClock::new().now().timestamp();
    if known && alive { looked.session() } else { None }
}

async fn validate(
    request: ServiceRequest,
    bearer: BearerAuth,
) -> Result<ServiceRequest, (Error, ServiceRequest)> {
    let Some(key) = request.app_data::<web::Data<DecodingKey>>().cloned() else {
        return Err((error::ErrorInternalServerError("no key"), request));
    };
    let header = jsonwebtoken::decode_header(bearer.token());
    let decoded = header.and_then(|header| {
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        jsonwebtoken::decode::<Looked>(bearer.token(), &key, &validation)
    });
    match decoded.ok().and_then(|token| token.claims.session()) {
        Some(session) => {
            request.extensions_mut().insert(session);
            Ok(request)
        }
        None => Err((error::ErrorUnauthorized("no"), request)),
    }
}
