//! Shapes of what handlers read and write by themselves, for the document alone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use shared::{CompanyId, Jwk, Session, UserId};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::client::Client;
use crate::handlers::token::TokenAnswer;
use crate::handlers::tokens::Refused;

/// Who asks, where no `Authorization` says it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read from the form by name")]
pub(super) struct ClientForm {
    /// The client's id.
    #[schema(examples("batch-service"))]
    client_id: Option<String>,
    #[schema(format = "password")]
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer` (RFC 7523).
    client_assertion_type: Option<String>,
    /// Signed by the client, or the token of a pod's service account.
    client_assertion: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "its names stand in the schema")]
pub(super) enum GrantType {
    ClientCredentials,
    #[schema(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
    #[schema(rename = "urn:baton:oauth:grant-type:session-handoff")]
    SessionHandoff,
}

/// RFC 6749 section 4.4.2 and RFC 8693 section 2.1, with `resource` as in RFC 8707.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read from the form by name")]
pub(super) struct TokenForm {
    grant_type: GrantType,
    /// What the token is to be used for, separated by spaces.
    #[schema(examples("order:read order:write"))]
    scope: Option<String>,
    /// The services that it is to be for.
    #[schema(examples(json!("order-service")))]
    resource: Option<Vec<String>>,
    /// On whose behalf: a session as JSON text.
    #[schema(examples(json!(r#"{"companyId":100,"userId":200}"#)))]
    session: Option<String>,
    /// The token that is exchanged.
    subject_token: Option<String>,
    /// `urn:ietf:params:oauth:token-type:access_token`, or `...:jwt`.
    subject_token_type: Option<String>,
    requested_token_type: Option<String>,
    /// The same as `resource`, for an exchange.
    audience: Option<Vec<String>>,
    /// The id of the handoff that is used.
    handoff: Option<String>,
    /// What the handoff is believed to be for: one for something else is refused.
    #[schema(examples("order-exports"))]
    purpose: Option<String>,
    /// A word of the client's, up to 128 characters. Asked again in its name, the same token is told as long as it has some life
    /// left, and no use is counted. Without it each request is a use.
    #[schema(examples("run-17-1"))]
    redemption_id: Option<String>,
    #[schema(examples("batch-service"))]
    client_id: Option<String>,
    #[schema(format = "password")]
    client_secret: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// What is handed on, and to whom.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read from the form by name")]
pub(super) struct HandoffForm {
    /// The token that the client has received.
    subject_token: String,
    /// `urn:ietf:params:oauth:token-type:access_token`, or `...:jwt`.
    subject_token_type: String,
    /// What it is handed on for.
    #[schema(examples("order-exports"))]
    purpose: String,
    /// The client that may use it.
    #[schema(examples("batch-service"))]
    executor: String,
    /// The services that its tokens are to be for. All that may be, where it is not said.
    #[schema(examples(json!("order-service")))]
    resource: Option<Vec<String>>,
    /// What its tokens are to be used for, separated by spaces. All that may be, where it is not said.
    #[schema(examples("order:read file:write"))]
    scope: Option<String>,
    /// How often it may be used. Once, where it is not said.
    #[schema(minimum = 1, maximum = 100)]
    max_uses: Option<u32>,
    /// From when on, in seconds since 1970. From now on, where it is not said.
    not_before: Option<i64>,
    /// Until when. As long as may be, where it is not said; never longer than the login that it came of.
    not_after: Option<i64>,
    /// Whether it goes on when the user logs out; a change of his password ends it in any case.
    outlives_logout: Option<bool>,
    #[schema(examples("order-service"))]
    client_id: Option<String>,
    #[schema(format = "password")]
    client_secret: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// RFC 7662 section 2.1 and RFC 7009 section 2.1.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read from the form by name")]
pub(super) struct OneTokenForm {
    token: String,
    token_type_hint: Option<String>,
    #[schema(examples("batch-service"))]
    client_id: Option<String>,
    #[schema(format = "password")]
    client_secret: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// A token, or why there is none, at the place of each session.
#[derive(ToSchema)]
#[expect(dead_code, reason = "written token by token")]
pub(super) struct IssuedTokens {
    #[schema(max_items = 1_000)]
    tokens: Vec<TokenOrRefusal>,
}

#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "written token by token")]
enum TokenOrRefusal {
    Token(TokenAnswer<'static>),
    Refused(Refused),
}

/// RFC 7662 section 2.2: of a token that is not good, or none of the client's business, it says that alone.
#[derive(ToSchema)]
#[expect(dead_code, reason = "made from claims")]
pub(super) struct Introspection {
    active: bool,
    token_type: Option<String>,
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Vec<String>>,
    client_id: Option<String>,
    #[schema(examples("order:read"))]
    scope: Option<String>,
    /// In seconds since 1970, as all times here.
    iat: Option<i64>,
    exp: Option<i64>,
    nbf: Option<i64>,
    jti: Option<String>,
    /// On whose behalf, as JSON text.
    #[schema(examples(json!(r#"{"companyId":100,"userId":200}"#)))]
    session: Option<String>,
    /// The login that it descends from.
    sid: Option<String>,
    auth_time: Option<i64>,
    act: Option<Actor>,
    /// What the feed of revocations calls the handoff that it came of.
    handoff: Option<String>,
}

/// Who acts for the subject, and for whom before (RFC 8693 section 4.1).
#[derive(ToSchema)]
#[expect(dead_code, reason = "made from claims")]
struct Actor {
    sub: String,
    #[schema(no_recursion)]
    act: Option<Box<Actor>>,
}

/// RFC 8414 section 2, and two endpoints of our own.
#[derive(ToSchema)]
#[expect(dead_code, reason = "written by the handler")]
pub(super) struct Metadata {
    #[schema(format = "uri")]
    issuer: String,
    #[schema(format = "uri")]
    token_endpoint: String,
    #[schema(format = "uri")]
    jwks_uri: String,
    grant_types_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Vec<String>,
    token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    #[schema(format = "uri")]
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: Vec<String>,
    introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    #[schema(format = "uri")]
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: Vec<String>,
    revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    #[schema(format = "uri")]
    token_batch_endpoint: String,
    #[schema(format = "uri")]
    handoff_endpoint: String,
    #[schema(format = "uri")]
    revocations_uri: String,
    response_types_supported: Vec<String>,
}

/// The body of `clients apply`, as in the file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its clients are read one by one")]
pub(super) struct ClientsFile {
    client: Vec<Client>,
}

/// A client and its rights.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the wire's view of a domain type")]
struct ClientShape {
    /// Printable ASCII without colon.
    #[schema(min_length = 1, max_length = 100, examples("batch-service"))]
    id: String,
    /// What its tokens may be used for.
    #[serde(default)]
    #[schema(examples(json!("order:read")))]
    scope: Vec<String>,
    /// The services that its tokens may be for.
    #[serde(default)]
    #[schema(examples(json!("order-service")))]
    resources: Vec<String>,
    #[serde(default)]
    session_policy: SessionPolicy,
    /// The services for which it may exchange a token that it has received (RFC 8693).
    #[serde(default)]
    #[schema(examples(json!("file-service")))]
    exchange: Vec<String>,
    /// What it may hand on to other clients, by purpose.
    #[serde(default)]
    hands_on: BTreeMap<String, Handing>,
    /// What it takes over from other clients, by purpose.
    #[serde(default)]
    takes_over: BTreeMap<String, Taking>,
    /// The names under which tokens are for it. Where none is declared: its id.
    #[serde(default)]
    #[schema(examples(json!("order-service")))]
    serves: Vec<String>,
    /// The public keys with which it signs assertions; each with `kid` and `alg`.
    #[serde(default)]
    keys: Vec<Jwk>,
    /// The Kubernetes service account whose pods are this client: `cluster/namespace:name`.
    #[schema(nullable = false, examples("production/shop:batch"))]
    service_account: Option<String>,
}

/// On whose behalf a client may ask for tokens.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the wire's view of a domain type")]
enum SessionPolicy {
    /// On nobody's.
    None,
    /// Always on this one's.
    Fixed(Session),
    /// On that of whoever it names, within these bounds.
    Assert(Bounds),
}

/// What a session may hold that a client names by itself.
#[derive(ToSchema)]
#[schema(as = SessionBounds)]
#[expect(dead_code, reason = "the wire's view of a domain type")]
struct Bounds {
    #[schema(schema_with = any_or_list::<CompanyId>)]
    companies: Vec<CompanyId>,
    #[serde(default)]
    #[schema(schema_with = any_or_list::<UserId>)]
    users: Vec<UserId>,
    #[serde(default)]
    #[schema(schema_with = any_or_list::<String>)]
    roles: Vec<String>,
    /// `any`, or for each name `any` or a list of values.
    #[serde(default)]
    #[schema(schema_with = any_or_named)]
    attributes: BTreeMap<String, String>,
    /// Such a token lives no longer than this, in seconds.
    #[schema(nullable = false, minimum = 10)]
    max_ttl_s: Option<u32>,
}

fn any() -> Schema {
    shared::openapi::one_of(["any"]).into()
}

fn any_or_list<T: PartialSchema>() -> Schema {
    let list = ArrayBuilder::new().items(T::schema());
    OneOfBuilder::new().item(any()).item(list).into()
}

fn any_or_named() -> Schema {
    let value: Schema = ObjectBuilder::new().schema_type(SchemaType::AnyValue).into();
    let values = ArrayBuilder::new().items(RefOr::T(value));
    let each: Schema = OneOfBuilder::new().item(any()).item(values).into();
    let named = ObjectBuilder::new().additional_properties(Some(each));
    OneOfBuilder::new().item(any()).item(named).into()
}

/// What a client may hand on for a purpose.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the wire's view of a domain type")]
struct Handing {
    /// To whom: clients.
    #[schema(examples(json!("batch-service")))]
    executors: Vec<String>,
    /// For which services.
    #[schema(examples(json!("order-service"), json!("file-service")))]
    resources: Vec<String>,
    /// To be used for what, at the most.
    #[schema(examples(json!("order:read"), json!("file:write")))]
    scope: Vec<String>,
    /// How often, at the most.
    #[schema(minimum = 1, maximum = 100, default = 1)]
    #[serde(default)]
    max_uses: u32,
    /// How long, at the most, in seconds.
    #[schema(minimum = 1, maximum = 7_776_000, default = 86_400)]
    #[serde(default)]
    max_age_s: u32,
    /// Whether it may go on when the user logs out.
    #[serde(default)]
    may_outlive_logout: bool,
}

/// What a client takes over for a purpose.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the wire's view of a domain type")]
struct Taking {
    /// For which services.
    #[schema(examples(json!("order-service"), json!("file-service")))]
    resources: Vec<String>,
    /// To be used for what, at the most.
    #[schema(examples(json!("order:read"), json!("file:write")))]
    scope: Vec<String>,
}

impl PartialSchema for Client {
    fn schema() -> RefOr<Schema> {
        ClientShape::schema()
    }
}

impl ToSchema for Client {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Client")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ClientShape::schemas(schemas);
    }
}

#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "user-service's")]
pub(super) enum CodePurpose {
    Signup,
    PasswordReset,
}

/// As user-service has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "user-service's")]
pub(super) struct CodeRequest {
    #[schema(format = "email", examples("min@hanbit.example"))]
    email: String,
    purpose: CodePurpose,
}

/// As user-service has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "user-service's")]
pub(super) struct CodeCheck {
    #[schema(format = "email", examples("min@hanbit.example"))]
    email: String,
    purpose: CodePurpose,
    #[schema(examples("482913"))]
    code: String,
}

/// As user-service has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "user-service's")]
pub(super) struct SignUp {
    #[schema(format = "email", examples("min@hanbit.example"))]
    email: String,
    #[schema(format = "password")]
    password: String,
    #[schema(min_length = 1, max_length = 200, examples("Min Seo"))]
    name: String,
    token: String,
}

/// As user-service has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "user-service's")]
pub(super) struct PasswordReset {
    #[schema(format = "email", examples("min@hanbit.example"))]
    email: String,
    #[schema(format = "password")]
    password: String,
    token: String,
}
