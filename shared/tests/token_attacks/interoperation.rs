//! Another implementation reads our tokens, and we read its: what we accept is JWS and not a dialect of it.

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};
use shared::{Algorithm, TokenSigner};

use crate::{ACCEPTED, AUDIENCE, Bench};

fn named(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
    }
}

#[test]
fn our_tokens_are_read_by_another_implementation_with_the_published_key() {
    for bench in Bench::all() {
        let jwk = serde_json::from_value(json!(bench.issuer.signer().public_key())).unwrap();
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        let mut validation = Validation::new(named(bench.algorithm));
        validation.set_audience(&[AUDIENCE]);
        // The clock of the bench stands in the future.
        validation.validate_exp = false;
        let read = decode::<Value>(bench.good(), &key, &validation).unwrap();
        assert_eq!(read.claims["sub"], bench.claims()["sub"], "{}", bench.algorithm);
    }
}

#[tokio::test]
async fn tokens_of_another_implementation_are_read_by_us() {
    for algorithm in Algorithm::ALL {
        let pkcs8 = TokenSigner::generate(algorithm).unwrap();
        let bench = Bench::with_key(algorithm, &pkcs8);
        // RSA alone is read without the PKCS#8 around it.
        let key = match algorithm {
            Algorithm::Es256 => EncodingKey::from_ec_der(&pkcs8),
            Algorithm::EdDsa => EncodingKey::from_ed_der(&pkcs8),
            Algorithm::Rs256 => EncodingKey::from_rsa_der(&pkcs8[26..]),
        };
        let mut header = Header::new(named(algorithm));
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(bench.issuer.signer().kid().to_owned());
        let token = encode(&header, &bench.claims(), &key).unwrap();
        assert_eq!(bench.verdict(&token).await, ACCEPTED, "{algorithm}");
    }
}
