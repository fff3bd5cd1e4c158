//! How a client proves who it is: what is on the wire, what is read when, and what is printed.

use std::path::{Path, PathBuf};

use shared::client::token_source::{ClientProof, TokenSource};
use shared::token::jws::{JwsType, unverified_payload, verify_jws};
use shared::{Algorithm, Clock, KeySet, SystemClock};

use super::*;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FIRST: &str = "eyJhbGciOiJSUzI1NiJ9.eyJmaXJzdCI6MX0.c2ln";
const SECOND: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzZWNvbmQiOjJ9.c2ln";

/// A file as kubelet writes it, in a folder that goes with it.
struct Projected {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Projected {
    fn holding(token: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let projected = Self { folder, path };
        projected.rotate(token);
        projected
    }

    /// A new file takes the place of the old one, in one step.
    fn rotate(&self, token: &str) {
        let fresh = self.folder.path().join("fresh");
        std::fs::write(&fresh, token).unwrap();
        // Rotations are minutes apart: no file system is so coarse.
        let written = std::fs::File::options().append(true).open(&fresh).unwrap();
        let later =
            std::time::SystemTime::UNIX_EPOCH + Duration::from_millis(fastrand::u64(..1 << 40));
        written.set_modified(later).unwrap();
        std::fs::rename(&fresh, &self.path).unwrap();
    }
}

fn source(endpoint: &FakeServer, proof: ClientProof) -> ClientCredentials {
    ClientCredentials::with_proof(http(), endpoint.url("/oauth2/token").parse().unwrap(), proof)
}

fn projected(path: &Path) -> ClientProof {
    ClientProof::projected_token(path)
}

/// The names of the parameters that a form holds, in alphabetical order.
fn names(asked: &Asked) -> Vec<String> {
    let (_, body) = asked.text.split_once("\r\n\r\n").unwrap();
    let fields = url::form_urlencoded::parse(body.as_bytes());
    let mut names: Vec<_> = fields.map(|(name, _)| name.into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_secret_goes_into_the_body_with_the_clients_name() {
    let endpoint = FakeServer::start(issuing(json!(300))).await;
    let source = source_of(&endpoint.url("/oauth2/token"), SECRET);
    source.fetch(&user(1)).await.unwrap();
    let asked = &endpoint.asked()[0];
    let expected = ["client_id", "client_secret", "grant_type", "resource", "scope", "session"];
    assert_eq!(names(asked), expected);
    let (id, secret) = (field(asked, "client_id"), field(asked, "client_secret"));
    assert_eq!((id.as_deref(), secret.as_deref()), (Some("batch"), Some(SECRET)));
    assert_eq!(asked.header("authorization"), None);
}

/// RFC 7523 section 3.
#[tokio::test]
async fn a_key_signs_an_assertion_of_its_own_for_each_request() {
    let endpoint = FakeServer::start(issuing(json!(300))).await;
    let clock = StoppedClock::at(1_800_000_000);
    let pkcs8 = shared::TokenSigner::generate(Algorithm::Es256).unwrap();
    let signer = shared::TokenSigner::from_pkcs8(Algorithm::Es256, &pkcs8).unwrap();
    let signer = Arc::new(signer);
    let keys = KeySet::from_jwks([signer.public_key().clone()]).unwrap();
    let audience = "https://auth.test";
    let time = Arc::new(clock.clone());
    let proof = ClientProof::private_key("batch", audience, Arc::clone(&signer), time);
    let source = source(&endpoint, proof);
    assert_eq!(
        *source.identity(),
        *format!("{} batch key {}", endpoint.url("/oauth2/token"), signer.kid())
    );
    let mut ids = Vec::new();
    for round in 0..2 {
        source.fetch(&user(1)).await.unwrap();
        let asked = endpoint.asked()[round].clone();
        assert_eq!(field(&asked, "client_assertion_type").as_deref(), Some(JWT_BEARER));
        assert_eq!(field(&asked, "client_id").as_deref(), Some("batch"));
        assert_eq!(field(&asked, "client_secret"), None);
        let assertion = field(&asked, "client_assertion").unwrap();
        let payload = verify_jws(&keys, &assertion, JwsType::Exactly("JWT"), 4096).await.unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        let now_s = clock.now().timestamp();
        let id = claims["jti"].as_str().unwrap().to_owned();
        let expected = json!({"iss": "batch", "sub": "batch", "aud": audience, "iat": now_s,
            "exp": now_s + 60, "jti": id});
        assert_eq!(claims, expected);
        assert!(id.len() >= 32);
        ids.push(id);
        clock.advance(Duration::from_secs(100));
    }
    assert_ne!(ids[0], ids[1], "an assertion is good once");
}

#[tokio::test]
async fn a_projected_token_is_sent_as_it_stands_in_the_file_and_names_the_client_by_itself() {
    let endpoint = FakeServer::start(issuing(json!(300))).await;
    let file = Projected::holding(&format!("{FIRST}\n"));
    let source = source(&endpoint, projected(&file.path));
    source.fetch(&user(1)).await.unwrap();
    let asked = &endpoint.asked()[0];
    let expected =
        ["client_assertion", "client_assertion_type", "grant_type", "resource", "scope", "session"];
    assert_eq!(names(asked), expected);
    assert_eq!(field(asked, "client_assertion").as_deref(), Some(FIRST));
    assert_eq!(field(asked, "client_assertion_type").as_deref(), Some(JWT_BEARER));
    assert_eq!(field(asked, "session").as_deref(), Some(r#"{"companyId":100,"userId":1}"#));
    let shown = format!("{} file {}", endpoint.url("/oauth2/token"), file.path.display());
    assert_eq!(*source.identity(), *shown);
}

#[tokio::test]
async fn a_file_that_was_replaced_is_read_anew_at_the_next_fetch() {
    let endpoint = FakeServer::start(issuing(json!(300))).await;
    let file = Projected::holding(FIRST);
    let source = source(&endpoint, projected(&file.path));
    let identity = source.identity();
    source.fetch(&user(1)).await.unwrap();
    file.rotate(SECOND);
    source.fetch(&user(1)).await.unwrap();
    let sent: Vec<_> =
        endpoint.asked().iter().filter_map(|asked| field(asked, "client_assertion")).collect();
    assert_eq!(sent, [FIRST, SECOND]);
    assert_eq!(source.identity(), identity, "it is the same source");
}

/// The volume may not be there yet. What was read earlier is of no use: it may have expired.
#[tokio::test]
async fn a_file_that_cannot_be_read_is_a_passing_failure_that_names_it() {
    let endpoint = FakeServer::start(issuing(json!(300))).await;
    let file = Projected::holding(FIRST);
    let source = source(&endpoint, projected(&file.path));
    source.fetch(&user(1)).await.unwrap();
    let too_long = "x".repeat(16 * 1024 + 1);
    let binary: &[u8] = &[0xff, 0xfe, b'x'];
    let contents: [Option<&[u8]>; 5] =
        [None, Some(b""), Some(b" \n"), Some(too_long.as_bytes()), Some(binary)];
    for content in contents {
        match content {
            Some(content) => std::fs::write(&file.path, content).unwrap(),
            None => std::fs::remove_file(&file.path).unwrap(),
        }
        let error = source.fetch(&user(1)).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(error.is_transient() && said.contains(file.path.to_str().unwrap()), "{said}");
        assert!(!said.contains("xx") && !said.contains(FIRST), "{said}");
    }
    assert_eq!(endpoint.count(), 1, "nothing is sent without it");
    file.rotate(SECOND);
    source.fetch(&user(1)).await.unwrap();
}

/// The server may have held against the client that its token had expired; the next one may do.
#[tokio::test]
async fn a_client_that_was_refused_is_tried_again_as_soon_as_its_file_has_changed() {
    let issue = issuing(json!(300));
    let endpoint = FakeServer::start(move |asked| match field(asked, "client_assertion") {
        Some(token) if token == SECOND => issue(asked),
        _ => Reply::json(401, json!({"error": "invalid_client"})),
    })
    .await;
    let file = Projected::holding(FIRST);
    let clock = StoppedClock::at(1_800_000_000);
    let source = Arc::new(source(&endpoint, projected(&file.path)));
    let tokens = TokenCache::new(source, Arc::new(clock.clone()));
    let ask = async |number| tokens.token(&user(number), DEADLINE).await.is_ok();
    for number in 1..=20 {
        assert!(!ask(number).await);
    }
    clock.advance(Duration::from_secs(30));
    assert!(!ask(1).await && endpoint.count() == 1, "the same file is no better");
    for round in 2..=6 {
        file.rotate(&format!("eyJhbGciOiJSUzI1NiJ9.bm8.YmV0dGVy{round}"));
        clock.advance(Duration::from_secs(2));
        for number in 1..=20 {
            assert!(!ask(number).await);
        }
        assert_eq!(endpoint.count(), round, "one has found out, also the same one each time");
    }
    file.rotate(SECOND);
    clock.advance(Duration::from_secs(2));
    for number in 1..=20 {
        assert!(ask(number).await, "{number}");
    }
    assert_eq!(endpoint.count(), 26);
}

/// Some servers repeat what they do not like.
#[tokio::test]
async fn neither_assertions_nor_secrets_are_printed_or_repeated() {
    let endpoint = FakeServer::start(|asked| {
        let sent = field(asked, "client_assertion").or(field(asked, "client_secret")).unwrap();
        let says = format!("do not know {sent}");
        Reply::json(401, json!({"error": "invalid_client", "error_description": says}))
    })
    .await;
    let file = Projected::holding(FIRST);
    let pkcs8 = shared::TokenSigner::generate(Algorithm::EdDsa).unwrap();
    let signer = Arc::new(shared::TokenSigner::from_pkcs8(Algorithm::EdDsa, &pkcs8).unwrap());
    let proofs = [
        ClientProof::secret("batch", &Secret::new(SECRET)),
        projected(&file.path),
        ClientProof::private_key("batch", "aud", signer, SystemClock::shared()),
    ];
    for proof in proofs {
        let mut shown = format!("{proof:?} {proof:#?}");
        let source = source(&endpoint, proof);
        let error = source.fetch(&user(1)).await.unwrap_err();
        shown += &format!("{source:?} {source:#?} {} {error} {error:?}", source.identity());
        let asked = endpoint.asked().pop().unwrap();
        let sent = field(&asked, "client_assertion").or(field(&asked, "client_secret")).unwrap();
        assert!(error.to_string().contains("repeats") && !shown.contains(&sent), "{shown}");
        assert!(unverified_payload(&sent).is_ok() || sent == SECRET);
    }
}
