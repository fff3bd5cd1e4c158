//! [`ClientProof`]: how a client proves to a token endpoint who it is.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio::io::AsyncReadExt;
use uuid::Uuid;

use super::TokenFetchError;
use crate::clock::Clock;
use crate::secret::Secret;
use crate::token::signer::TokenSigner;

/// RFC 7523 section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion that we write is good, in seconds.
const LIFETIME_S: i64 = 60;
/// The longest token that is read from a file, in bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// How a client proves to a token endpoint who it is: by a secret that both know, by a signature, or by a token that its
/// cluster has given it.
#[derive(Clone)]
pub struct ClientProof {
    kind: Kind,
    identity: Arc<str>,
}

#[derive(Clone)]
enum Kind {
    Secret { client_id: String, secret: Secret },
    Key { client_id: String, audience: String, signer: Arc<TokenSigner>, clock: Arc<dyn Clock> },
    File { path: PathBuf },
}

impl ClientProof {
    /// The client's secret goes into the body (`client_secret_post`, RFC 6749 section 2.3.1).
    #[must_use]
    pub fn secret(client_id: &str, secret: &Secret) -> Self {
        let identity = format!("{client_id} {}", secret.fingerprint()).into();
        Self {
            kind: Kind::Secret { client_id: client_id.to_owned(), secret: secret.clone() },
            identity,
        }
    }

    /// An assertion that the client writes for each request and signs with its own key (`private_key_jwt`, RFC 7523). It is
    /// good for 60 s. `audience` is what the server wants to read in it: the issuer, or the URL of the token endpoint.
    #[must_use]
    pub fn private_key(
        client_id: &str,
        audience: &str,
        signer: Arc<TokenSigner>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let identity = format!("{client_id} key {}", signer.kid()).into();
        let (client_id, audience) = (client_id.to_owned(), audience.to_owned());
        Self { kind: Kind::Key { client_id, audience, signer, clock }, identity }
    }

    /// The service-account token that Kubernetes projects into the file at `path`, as an assertion (RFC 7523). It says by
    /// itself whose it is. The file is read for each request, since it is replaced long before the token in it expires.
    #[must_use]
    pub fn projected_token(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let identity = format!("file {}", path.display()).into();
        Self { kind: Kind::File { path }, identity }
    }

    /// What tells it from others, and may be logged.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Another number when the file has been replaced. Looking costs no more than one system call.
    pub(super) fn version(&self) -> u64 {
        let Kind::File { path } = &self.kind else { return 0 };
        let Ok(file) = std::fs::metadata(path) else { return 0 };
        let mut hasher = DefaultHasher::new();
        (file.len(), file.modified().ok()).hash(&mut hasher);
        hasher.finish()
    }

    /// What to send with one request.
    pub(super) async fn show(&self) -> Result<Shown, TokenFetchError> {
        match &self.kind {
            Kind::Secret { client_id, secret } => {
                let client_id = Some(client_id.clone());
                Ok(Shown { client_id, assertion_type: None, proof: secret.clone() })
            }
            Kind::Key { client_id, audience, signer, clock } => {
                let now_s = clock.now().timestamp();
                let claims = json!({
                    "iss": client_id, "sub": client_id, "aud": audience, "jti": Uuid::new_v4().to_string(),
                    "iat": now_s, "exp": now_s + LIFETIME_S,
                });
                let signed = signer.sign_as("JWT", &claims);
                let signed = signed.map_err(|error| unavailable(error.to_string()))?;
                Ok(Shown::assertion(Some(client_id.clone()), Secret::new(signed)))
            }
            Kind::File { path } => Ok(Shown::assertion(None, read(path).await?)),
        }
    }
}

/// The error names the file and never what is in it.
async fn read(path: &Path) -> Result<Secret, TokenFetchError> {
    let failed = |cause: &dyn fmt::Display| {
        unavailable(format!("cannot read the client's own token {}: {cause}", path.display()))
    };
    let file = tokio::fs::File::open(path).await.map_err(|error| failed(&error))?;
    let mut text = String::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).await;
    let text = Secret::new(text);
    let length = read.map_err(|error| failed(&error))?;
    let token = text.expose().trim();
    if token.is_empty() || length as u64 > MAX_FILE_BYTES {
        return Err(failed(&"it is empty or too long"));
    }
    Ok(Secret::new(token))
}

fn unavailable(cause: String) -> TokenFetchError {
    TokenFetchError::Unavailable { cause, retry_after: None }
}

impl fmt::Debug for ClientProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ClientProof({})", self.identity)
    }
}

/// A proof as it is sent, once.
pub(super) struct Shown {
    /// None where the assertion alone knows it.
    pub(super) client_id: Option<String>,
    assertion_type: Option<&'static str>,
    proof: Secret,
}

impl Shown {
    fn assertion(client_id: Option<String>, proof: Secret) -> Self {
        Self { client_id, assertion_type: Some(JWT_BEARER), proof }
    }

    /// The parameters of the request, without `client_id`.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let proof = self.proof.expose();
        let (first, second) = match self.assertion_type {
            None => (("client_secret", proof), None),
            Some(kind) => (("client_assertion_type", kind), Some(("client_assertion", proof))),
        };
        std::iter::once(first).chain(second)
    }

    /// Whether what somebody says holds the proof.
    pub(super) fn is_in(&self, said: &str) -> bool {
        let proof = self.proof.expose();
        !proof.is_empty() && said.contains(proof)
    }
}
