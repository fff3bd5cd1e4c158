//! What nobody can do without: signing alone, and a handler that reads the form, signs and answers.

use actix_web::{App, Error, HttpServer, error, web};
use serde::{Deserialize, Serialize};
use shared::{Algorithm, Claims, Clock, Session, SystemClock, TokenSigner};
use uuid::Uuid;

use crate::auth::{AUDIENCE, CLIENT, SCOPE, SESSION};
use crate::harness::Failure;
use crate::process::{READY, own_cpu_seconds};

/// How long the tokens live, in seconds: as auth-service's by default.
const TTL_S: i64 = 300;

#[derive(Deserialize)]
struct Ask {
    client_id: String,
    scope: String,
    resource: String,
    session: String,
}

#[derive(Serialize)]
struct Answer {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
}

/// What the handler has.
struct Signing {
    signer: TokenSigner,
    issuer: String,
    clock: SystemClock,
}

/// Serves until it is killed. Everybody gets a token.
pub async fn serve(port: u16, algorithm: Algorithm) -> Result<(), Failure> {
    let signing = web::Data::new(Signing::new(port, algorithm)?);
    let app =
        move || App::new().app_data(signing.clone()).route("/oauth2/token", web::post().to(issue));
    let server = HttpServer::new(app).workers(1).tcp_nodelay(true).bind(("127.0.0.1", port))?.run();
    println!("{READY}");
    Ok(server.await?)
}

async fn issue(
    ask: web::Form<Ask>,
    signing: web::Data<Signing>,
) -> Result<web::Json<Answer>, Error> {
    let ask = ask.into_inner();
    let scope = ask.scope.clone();
    let claims = signing.claims(ask).map_err(error::ErrorBadRequest)?;
    let token = signing.signer.sign(&claims).map_err(error::ErrorInternalServerError)?;
    let access_token = token.expose().to_owned();
    Ok(web::Json(Answer { access_token, token_type: "Bearer", expires_in: TTL_S, scope }))
}

impl Signing {
    fn new(port: u16, algorithm: Algorithm) -> Result<Self, Failure> {
        let pkcs8 = TokenSigner::generate(algorithm)?;
        let signer = TokenSigner::from_pkcs8(algorithm, &pkcs8)?;
        Ok(Self { signer, issuer: format!("http://127.0.0.1:{port}"), clock: SystemClock::new() })
    }

    fn claims(&self, ask: Ask) -> Result<Claims, Error> {
        let iat = self.clock.now().timestamp();
        let jti = Uuid::new_v4().to_string();
        Ok(Claims {
            iss: self.issuer.clone(),
            sub: ask.client_id.clone(),
            aud: vec![ask.resource],
            client_id: ask.client_id,
            scope: ask.scope.parse().map_err(error::ErrorBadRequest)?,
            iat,
            exp: iat + TTL_S,
            nbf: None,
            sid: Some(jti.clone()),
            jti,
            session: Some(Session::parse(&ask.session).map_err(error::ErrorBadRequest)?),
            auth_time: None,
            act: None,
            handoff: None,
        })
    }
}

/// Signs the same claims so often and prints the CPU time of one signature, in microseconds.
pub fn print_signing(algorithm: Algorithm, times: usize) -> Result<(), Failure> {
    let signing = Signing::new(10_000, algorithm)?;
    let [client_id, scope, resource, session] =
        [CLIENT, SCOPE, AUDIENCE, SESSION].map(str::to_owned);
    let claims = signing.claims(Ask { client_id, scope, resource, session });
    let claims = claims.map_err(|error| error.to_string())?;
    let sign = |times: usize| (0..times).try_for_each(|_| signing.signer.sign(&claims).map(drop));
    sign(times / 10)?;
    let before = own_cpu_seconds()?;
    sign(times)?;
    println!("{}", (own_cpu_seconds()? - before) * 1e6 / times as f64);
    Ok(())
}
