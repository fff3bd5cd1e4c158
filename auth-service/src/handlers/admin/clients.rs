//! Clients.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::extractor::Caller;
use shared::reply::input::Violation;
use shared::reply::{Nothing, codes};
use shared::{ApiError, ApiResponse, Timestamp};
use utoipa::{IntoParams, ToSchema};

use crate::domain::client::{Client, ClientId};
use crate::domain::clients_file::{self, ClientsFileError, Declared};
use crate::domain::registry::{self, DEFAULT_OVERLAP_S};
use crate::domain::secret::StoredSecret;
use crate::handlers::admin::{actor, by, seen, seen_soon};
use crate::mirror::directory::Registered;
use crate::state::AppState;

/// A client, its rights, and which secrets it has: not what they are.
#[derive(Serialize, ToSchema)]
#[schema(as = RegisteredClient)]
pub(crate) struct ClientView {
    #[serde(flatten)]
    client: Client,
    from_file: bool,
    secrets: Vec<SecretView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ClientSecret)]
struct SecretView {
    id: String,
    #[schema(value_type = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<DateTime>, required)]
    expires_at: Option<Timestamp>,
}

impl From<&StoredSecret> for SecretView {
    fn from(secret: &StoredSecret) -> Self {
        let (created_at, expires_at) = (secret.created_at, secret.expires_at);
        Self { id: secret.id.clone(), created_at, expires_at }
    }
}

impl From<&Registered> for ClientView {
    fn from(own: &Registered) -> Self {
        let secrets = own.secrets.iter().map(SecretView::from).collect();
        Self { client: own.client.clone(), from_file: own.from_file, secrets }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyQuery {
    /// Only say what would be done.
    #[serde(default)]
    dry_run: bool,
    /// Remove clients that an earlier file declared and this one does not.
    #[serde(default)]
    prune: bool,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overlap {
    /// How long the secret in use stays good, in seconds.
    #[serde(default = "default_overlap_s")]
    overlap_s: u32,
}

/// A client with its secret, which nobody can tell again.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedClient {
    client: Client,
    #[schema(format = "password")]
    secret: String,
}

/// A secret, which nobody can tell again.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewSecret {
    #[schema(format = "password")]
    secret: String,
}

/// What has been done, or would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppliedClients {
    #[schema(examples(json!("add client batch-service")))]
    changes: Vec<String>,
    dry_run: bool,
}

fn default_overlap_s() -> u32 {
    DEFAULT_OVERLAP_S
}

pub(crate) async fn list_clients(state: Data<AppState>) -> ApiResponse<Vec<ClientView>> {
    let directory = state.issuer.mirror.directory();
    ApiResponse::ok(directory.list().into_iter().map(|own| ClientView::from(&**own)).collect())
}

pub(crate) async fn find_client(
    state: Data<AppState>,
    id: Path<String>,
) -> Result<ApiResponse<ClientView>, ApiError> {
    let directory = state.issuer.mirror.directory();
    let found = directory.find(&id).ok_or_else(|| ApiError::new(&codes::NO_SUCH_PATH))?;
    Ok(ApiResponse::ok(ClientView::from(&**found)))
}

pub(crate) async fn create_client(
    state: Data<AppState>,
    caller: Caller,
    body: Json<Value>,
) -> Result<ApiResponse<CreatedClient>, ApiError> {
    let client = one(body.into_inner())?;
    let actor = actor(&caller);
    let secret = registry::create_client(&state.clients, &client, by(&state, &actor)).await?;
    seen_soon(&state).await;
    Ok(for_its_eyes(CreatedClient { client, secret: secret.expose().to_owned() }))
}

/// The client of this name has exactly these rights from now on, and the secrets that it had.
pub(crate) async fn put_client(
    state: Data<AppState>,
    caller: Caller,
    id: Path<String>,
    body: Json<Value>,
) -> Result<ApiResponse<Client>, ApiError> {
    let mut body = body.into_inner();
    if body.get("id").is_some_and(|own| own != id.as_str()) {
        return Err(Violation::new("id", "equal", "the id in the path").into());
    }
    if let Some(members) = body.as_object_mut() {
        members.insert("id".to_owned(), json!(id.as_str()));
    }
    let client = one(body)?;
    let actor = actor(&caller);
    registry::put_client(&state.clients, (&client, false), by(&state, &actor)).await?;
    seen(&state).await?;
    Ok(ApiResponse::ok(client))
}

pub(crate) async fn delete_client(
    state: Data<AppState>,
    caller: Caller,
    id: Path<String>,
) -> Result<ApiResponse<Nothing>, ApiError> {
    let actor = actor(&caller);
    registry::delete_client(&state.clients, &known(&id)?, by(&state, &actor)).await?;
    seen(&state).await?;
    Ok(ApiResponse::ok(Nothing))
}

/// The new secret, once. The one in use stays good for `overlap_s` seconds.
pub(crate) async fn rotate_secret(
    state: Data<AppState>,
    caller: Caller,
    (id, query): (Path<String>, Query<Overlap>),
) -> Result<ApiResponse<NewSecret>, ApiError> {
    let (actor, id) = (actor(&caller), known(&id)?);
    let ask = (&id, query.overlap_s);
    let secret = registry::rotate_secret(&state.clients, ask, by(&state, &actor)).await?;
    seen_soon(&state).await;
    Ok(for_its_eyes(NewSecret { secret: secret.expose().to_owned() }))
}

/// A secret is shown once and kept by nobody on the way.
fn for_its_eyes<T: Serialize>(data: T) -> ApiResponse<T> {
    ApiResponse::created(data).with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// The same as `clients apply`; the body is `{"client": [...]}`, as in the file.
pub(crate) async fn apply_clients(
    state: Data<AppState>,
    caller: Caller,
    (query, body): (Query<ApplyQuery>, Json<Value>),
) -> Result<ApiResponse<AppliedClients>, ApiError> {
    let clients = body.into_inner().get_mut("client").map(Value::take);
    let Some(Value::Array(clients)) = clients else {
        return Err(Violation::new("client", "required", "a list of clients").into());
    };
    let declared = clients_file::declared(clients).map_err(invalid)?;
    if declared.iter().any(|declared| declared.secret_file.is_some()) {
        return Err(Violation::new("secret_file", "absent", "a file of this server's").into());
    }
    let (actor, how) = (actor(&caller), (query.prune, query.dry_run));
    let changes = registry::apply(&state.clients, &declared, how, by(&state, &actor)).await?;
    seen(&state).await?;
    Ok(ApiResponse::ok(AppliedClients { changes, dry_run: query.dry_run }))
}

fn known(id: &str) -> Result<ClientId, ApiError> {
    ClientId::parse(id).map_err(|_| ApiError::new(&codes::NO_SUCH_PATH))
}

fn one(body: Value) -> Result<Client, ApiError> {
    let mut declared = clients_file::declared(vec![body]).map_err(invalid)?;
    match declared.pop() {
        Some(Declared { client, secret_file: None }) => Ok(client),
        _ => Err(Violation::new("secret_file", "absent", "a file of this server's").into()),
    }
}

fn invalid(error: ClientsFileError) -> ApiError {
    Violation::new("client", "format", error.to_string()).into()
}
