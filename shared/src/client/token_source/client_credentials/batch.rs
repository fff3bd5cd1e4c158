//! Many tokens by one request.

use std::collections::HashMap;
use std::time::Duration;

use oauth2::TokenResponse;
use oauth2::basic::{BasicErrorResponse, BasicTokenResponse};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::wire::{Failure, Limits, away, send};
use super::{issued, refused};
use crate::client::token_source::client_proof::{ClientProof, Shown};
use crate::client::token_source::{IssuedToken, TokenFetchError, TokenRequest};
use crate::session::Session;
use crate::token::jws::unverified_payload;

/// The most sessions in one request.
const MOST: usize = 1_000;
const LIMITS: Limits = Limits { timeout: Duration::from_secs(15), max_bytes: 8 * 1024 * 1024 };

/// What came of one request: of all in it, or of the whole. None: the server does not know how.
pub(super) type BatchAnswer = Option<Vec<Result<IssuedToken, TokenFetchError>>>;

/// The requests that can go together, by their place: those for one service and one scope, with a session each. Alone
/// nothing is worth it.
pub(super) fn groups(requests: &[TokenRequest]) -> Vec<Vec<usize>> {
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (place, request) in requests.iter().enumerate() {
        if request.session().is_some() && request.subject().is_none() {
            let key = (request.audience(), request.scope().to_string());
            groups.entry(key).or_default().push(place);
        }
    }
    let groups = groups
        .into_values()
        .flat_map(|places| places.chunks(MOST).map(<[usize]>::to_vec).collect::<Vec<_>>());
    groups.filter(|places| places.len() > 1).collect()
}

/// Where a server has it that gives tokens at `.../token`: at `.../tokens`.
pub(super) fn url_beside(token_url: &Url) -> Option<Url> {
    url_beside_as(token_url, "tokens")
}

/// The path beside `.../token` that ends like this.
pub(super) fn url_beside_as(token_url: &Url, name: &str) -> Option<Url> {
    let root = token_url.path().strip_suffix("/token")?;
    let mut url = token_url.clone();
    url.set_path(&format!("{root}/{name}"));
    Some(url)
}

pub(super) async fn fetch(
    http: &reqwest::Client,
    url: &Url,
    proof: &ClientProof,
    requests: &[&TokenRequest],
) -> BatchAnswer {
    match try_fetch(http, url, proof, requests).await {
        Ok(answer) => answer,
        Err(error) => Some(vec![Err(error); requests.len()]),
    }
}

async fn try_fetch(
    http: &reqwest::Client,
    url: &Url,
    proof: &ClientProof,
    requests: &[&TokenRequest],
) -> Result<BatchAnswer, TokenFetchError> {
    let shown = proof.show().await?;
    let body = Value::Object(body(&shown, requests)).to_string();
    let json = "application/json";
    let request = http.post(url.clone()).header(CONTENT_TYPE, json).header(ACCEPT, json).body(body);
    let request = request.build().map_err(away)?;
    let (status, body) = match send(http, request, LIMITS).await {
        Err(Failure::NoEndpoint(StatusCode::NOT_FOUND)) => return Ok(None),
        answer => answer?,
    };
    if status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !status.is_success() {
        let refusal: BasicErrorResponse = serde_json::from_slice(&body).map_err(unreadable)?;
        return Err(refused(&refusal, &shown));
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(unreadable)?;
    if answer.tokens.len() != requests.len() {
        return Err(TokenFetchError::Nonsense("tokens are not as many as sessions".to_owned()));
    }
    let both = answer.tokens.into_iter().zip(requests);
    Ok(Some(both.map(|(each, request)| read(each, request, &shown)).collect()))
}

#[derive(Deserialize)]
struct Answer {
    tokens: Vec<Value>,
}

fn body(shown: &Shown, requests: &[&TokenRequest]) -> Map<String, Value> {
    let mut body = Map::new();
    if let Some(client_id) = &shown.client_id {
        body.insert("client_id".to_owned(), json!(client_id));
    }
    for (name, value) in shown.parameters() {
        body.insert(name.to_owned(), json!(value));
    }
    if let Some(first) = requests.first() {
        body.insert("scope".to_owned(), json!(first.scope().to_string()));
        body.insert("resource".to_owned(), json!([first.audience()]));
    }
    let sessions = requests.iter().filter_map(|request| request.session());
    let sessions: Vec<_> = sessions.map(Session::as_json).collect();
    body.insert("sessions".to_owned(), json!(sessions));
    body
}

/// The parser's own words are left out: they may quote a token.
fn unreadable(error: serde_json::Error) -> TokenFetchError {
    let place = format!("line {} column {}", error.line(), error.column());
    TokenFetchError::Nonsense(format!("the answer to many is not as it has to be at {place}"))
}

fn read(
    each: Value,
    request: &TokenRequest,
    shown: &Shown,
) -> Result<IssuedToken, TokenFetchError> {
    if each.get("error").is_some() {
        let refusal: BasicErrorResponse = serde_json::from_value(each).map_err(unreadable)?;
        return Err(refused(&refusal, shown));
    }
    let token: BasicTokenResponse = serde_json::from_value(each).map_err(unreadable)?;
    if is_of_another(token.access_token().secret(), request) {
        let cause = "the tokens do not come in the order of the sessions".to_owned();
        return Err(TokenFetchError::Nonsense(cause));
    }
    issued(&token)
}

/// Whether the token says that it is of another user. A single answer cannot be that of another request, but one of many
/// can be. Tokens that say nothing are believed.
fn is_of_another(token: &str, request: &TokenRequest) -> bool {
    #[derive(Deserialize)]
    struct OnlySession {
        session: String,
    }
    let payload = unverified_payload(token).ok();
    let claims = payload.and_then(|json| serde_json::from_slice::<OnlySession>(&json).ok());
    let said = claims.and_then(|claims| Session::parse(&claims.session).ok());
    let who = |session: &Session| (session.company_id(), session.user_id());
    said.is_some_and(|said| request.session().is_some_and(|asked| who(asked) != who(&said)))
}
