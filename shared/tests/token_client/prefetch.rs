//! Many tokens before they are needed: few requests, and still each session's own token.

use std::num::NonZeroUsize;

use futures_util::future::join_all;
use shared::client::token_cache::Prefetched;
use shared::client::token_source::{ClientProof, TokenSource};
use shared::client::{ServiceClient, Target};
use shared::testing::TestIssuer;
use shared::{Algorithm, SystemClock};

use super::fake_source::{Kit, Mood, settle};
use super::*;

/// What was asked of the endpoint for many.
fn batch_of(asked: &Asked) -> Option<Value> {
    let (head, body) = asked.text.split_once("\r\n\r\n")?;
    head.starts_with("POST /oauth2/tokens ").then(|| serde_json::from_str(body).unwrap())
}

fn sessions_of(batch: &Value) -> Vec<String> {
    let sessions = batch["sessions"].as_array().unwrap();
    sessions.iter().map(|session| session.as_str().unwrap().to_owned()).collect()
}

fn token_for(session: &str, number: usize) -> Value {
    let session = URL_SAFE_NO_PAD.encode(session);
    json!({"access_token": format!("{session}.{number}"), "token_type": "Bearer",
        "expires_in": 300, "scope": "order:read"})
}

/// A server that knows how, and gives every session a token of its own.
fn giving_many() -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    bending(|_, _| {})
}

/// The same, when each answer to many has been bent.
fn bending(
    bend: impl Fn(&Value, &mut Vec<Value>) + Send + Sync + 'static,
) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let single = issuing(json!(300));
    move |asked| {
        let Some(batch) = batch_of(asked) else { return single(asked) };
        let sessions = sessions_of(&batch);
        let mut tokens: Vec<_> =
            sessions.iter().map(|session| token_for(session, 1_000_000)).collect();
        bend(&batch, &mut tokens);
        Reply::json(200, json!({ "tokens": tokens }))
    }
}

fn users(numbers: std::ops::RangeInclusive<usize>) -> Vec<TokenRequest> {
    numbers.map(user).collect()
}

fn counts(prefetched: &Prefetched) -> (usize, usize, usize) {
    (prefetched.fetched, prefetched.held, prefetched.failed)
}

impl Bench {
    async fn prefetch(&self, requests: Vec<TokenRequest>) -> Result<Prefetched, TokenFetchError> {
        self.tokens.prefetch(requests, DEADLINE).await
    }

    fn batches(&self) -> Vec<Value> {
        self.endpoint.asked().iter().filter_map(batch_of).collect()
    }

    /// That each session has its own token, without a further fetch.
    async fn each_has_its_own(&self, numbers: std::ops::RangeInclusive<usize>) {
        let before = self.endpoint.count();
        for number in numbers {
            let own = user(number);
            let session = read(&self.token(&own).await.unwrap()).0;
            assert_eq!(session, own.session().unwrap().as_json());
        }
        assert_eq!(self.endpoint.count(), before);
    }
}

#[tokio::test]
async fn a_thousand_sessions_are_fetched_by_one_request_and_each_has_its_own_token() {
    let bench = Bench::answering(giving_many()).await;
    let prefetched = bench.prefetch(users(1..=2500)).await.unwrap();
    assert_eq!(counts(&prefetched), (2500, 0, 0));
    let sizes: Vec<_> = bench.batches().iter().map(|batch| sessions_of(batch).len()).collect();
    assert_eq!((sizes, bench.endpoint.count()), (vec![1000, 1000, 500], 3));
    bench.each_has_its_own(1..=2500).await;
    assert_eq!(bench.tokens.counts().fetched, 2500);
}

#[tokio::test]
async fn the_request_for_many_says_what_the_contract_says() {
    let bench = Bench::answering(giving_many()).await;
    bench.prefetch(users(1..=2)).await.unwrap();
    let asked = &bench.endpoint.asked()[0];
    assert_eq!(asked.header("content-type"), Some("application/json"));
    let expected = json!({"client_id": "batch", "client_secret": SECRET,
        "scope": "order:read order:settle", "resource": [AUDIENCE],
        "sessions": [r#"{"companyId":100,"userId":1}"#, r#"{"companyId":100,"userId":2}"#]});
    assert_eq!(batch_of(asked), Some(expected));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a.b.c").unwrap();
    let url = bench.endpoint.url("/oauth2/token").parse().unwrap();
    let proof = ClientProof::projected_token(file.path());
    ClientCredentials::with_proof(http(), url, proof).fetch_many(&users(1..=2)).await;
    let batch = batch_of(&bench.endpoint.asked()[1]).unwrap();
    assert_eq!(batch["client_assertion"], "a.b.c");
    let jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(batch["client_assertion_type"], jwt_bearer);
    assert!(batch.get("client_id").is_none() && batch.get("client_secret").is_none());
}

#[tokio::test]
async fn what_is_held_is_left_alone_and_what_is_due_is_fetched() {
    let bench = Bench::answering(giving_many()).await;
    bench.prefetch(users(1..=10)).await.unwrap();
    assert_eq!(counts(&bench.prefetch(users(1..=15)).await.unwrap()), (5, 10, 0));
    // The first are due, the others as well: all have 300 s.
    bench.clock.advance(Duration::from_secs(290));
    assert_eq!(counts(&bench.prefetch(users(1..=15)).await.unwrap()), (15, 0, 0));
    assert_eq!(bench.batches().len(), 3);
}

#[tokio::test]
async fn other_audiences_scopes_and_tokens_without_a_session_do_not_get_mixed_up() {
    let bench = Bench::answering(giving_many()).await;
    let mut requests = users(1..=3);
    let other = TokenRequest::new("user-service", "user:read".parse().unwrap(), None);
    requests.extend(users(4..=6).iter().map(|own| other.for_session(own.session().cloned())));
    requests.push(request(None));
    assert_eq!(counts(&bench.prefetch(requests).await.unwrap()), (7, 0, 0));
    let mut batches = bench.batches();
    batches.sort_by_key(|batch| batch["resource"].to_string());
    assert_eq!((batches.len(), bench.endpoint.count()), (2, 3));
    assert_eq!(batches[0]["resource"], json!([AUDIENCE]));
    assert_eq!(
        (&batches[1]["resource"], &batches[1]["scope"]),
        (&json!(["user-service"]), &json!("user:read"))
    );
    assert!(sessions_of(&batches[1])[0].contains("4"));
    bench.each_has_its_own(1..=3).await;
}

#[tokio::test]
async fn a_server_that_does_not_know_how_is_asked_for_each() {
    for reply in [Reply::json(404, ""), Reply::json(404, json!({"error": "invalid_request"}))] {
        let single = issuing(json!(300));
        let bench = Bench::answering(move |asked| match batch_of(asked) {
            Some(_) => reply.clone(),
            None => single(asked),
        })
        .await;
        assert_eq!(counts(&bench.prefetch(users(1..=50)).await.unwrap()), (50, 0, 0));
        assert_eq!((bench.endpoint.count(), bench.batches().len()), (51, 1));
        bench.each_has_its_own(1..=50).await;
    }
}

#[tokio::test]
async fn where_the_endpoint_has_another_name_many_are_asked_for_where_one_says() {
    let endpoint = FakeServer::start(giving_many()).await;
    let source = source_of(&endpoint.url("/token-please"), SECRET);
    assert!(source.fetch_many(&users(1..=3)).await.iter().all(Result::is_ok));
    assert_eq!(endpoint.count(), 3);
    let source = source.with_batch_endpoint(&endpoint.url("/oauth2/tokens").parse().unwrap());
    assert!(source.fetch_many(&users(1..=3)).await.iter().all(Result::is_ok));
    assert_eq!(endpoint.count(), 4);
}

#[tokio::test]
async fn a_session_that_is_refused_fails_alone_and_is_remembered() {
    let bench = Bench::answering(bending(|_, tokens| {
        tokens[2] = json!({"error": "unauthorized_client", "error_description": "not user 3"});
    }))
    .await;
    let prefetched = bench.prefetch(users(1..=5)).await.unwrap();
    assert_eq!(counts(&prefetched), (4, 0, 1));
    let error = prefetched.first_error.unwrap().to_string();
    assert!(error.contains("unauthorized_client: not user 3"), "{error}");
    assert!(bench.token(&user(3)).await.unwrap_err().to_string().contains("not user 3"));
    assert_eq!(counts(&bench.prefetch(users(1..=5)).await.unwrap()), (0, 4, 1));
    assert_eq!(bench.endpoint.count(), 1, "it is left alone for a while");
    bench.clock.advance(Duration::from_secs(1));
    bench.token(&user(3)).await.unwrap();
}

/// Somebody would get another one's token.
#[tokio::test]
async fn an_answer_in_another_order_or_of_another_length_is_no_answer() {
    let issuer = TestIssuer::new(Algorithm::EdDsa, SystemClock::shared()).unwrap();
    let signed = move |session: &str| {
        let session = Session::parse(session).unwrap();
        let claims = issuer.claims(AUDIENCE, "a".parse().unwrap(), Some(session));
        let token = issuer.sign(&claims).unwrap();
        json!({"access_token": token.expose(), "token_type": "bearer", "expires_in": 300})
    };
    let bench = Bench::answering(bending(move |batch, tokens| {
        *tokens = sessions_of(batch).iter().map(|session| signed(session)).collect();
        tokens.swap(0, 1);
    }))
    .await;
    let prefetched = bench.prefetch(users(1..=3)).await.unwrap();
    assert_eq!(counts(&prefetched), (1, 0, 2));
    assert!(prefetched.first_error.unwrap().to_string().contains("order"));
    let bends: [fn(&Value, &mut Vec<Value>); 3] = [
        |_, tokens| drop(tokens.pop()),
        |_, tokens| tokens.push(token_for("{}", 1)),
        |_, tokens| tokens.clear(),
    ];
    for bend in bends {
        let bench = Bench::answering(bending(bend)).await;
        let error = bench.prefetch(users(1..=3)).await.unwrap_err();
        assert!(error.to_string().contains("not as many"), "{error}");
        assert_eq!(bench.tokens.counts().fetched, 0);
    }
}

#[tokio::test]
async fn what_is_no_token_in_it_fails_alone_and_is_not_repeated() {
    let bad = [
        json!({"access_token": "s3cret token", "token_type": "Bearer"}),
        json!({"access_token": "s3cret", "token_type": "mac"}),
        json!({"token": "s3cret"}),
        json!("s3cret"),
        json!(null),
    ];
    for token in bad {
        let bench = Bench::answering(bending(move |_, tokens| tokens[0] = token.clone())).await;
        let prefetched = bench.prefetch(users(1..=2)).await.unwrap();
        assert_eq!(counts(&prefetched), (1, 0, 1));
        let error = prefetched.first_error.unwrap();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_fails_with_all_of_them_is_one_failure_and_ends_it() {
    let megabytes = json!({"tokens": ["x".repeat(9 * 1024 * 1024)]});
    let table = [
        (Reply::json(500, ""), "500"),
        (Reply::json(200, "<html>"), "nonsense"),
        (Reply::json(200, megabytes), "longer than"),
        (Reply::json(401, json!({"error": "invalid_client"})), "invalid_client"),
    ];
    for (reply, word) in table {
        let bench = Bench::answering(move |_| reply.clone()).await;
        let error = bench.prefetch(users(1..=3000)).await.unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(bench.endpoint.count(), 1);
        let again = bench.token(&user(2001)).await;
        assert!(again.is_err(), "it is asked, or it is left alone");
        assert_eq!(bench.endpoint.count(), if word == "invalid_client" { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_source_that_is_left_alone_is_not_asked() {
    let kit = Kit::new(Mood::AsksToWait(60));
    assert!(kit.get(1).await.is_err());
    let error = kit.tokens.prefetch(users(1..=100), DEADLINE).await.unwrap_err();
    assert!(error.to_string().contains("out to lunch") && kit.asked() == 1, "{error}");
    kit.source.be(Mood::Gives(300));
    kit.advance_ms(60_000);
    let prefetched = kit.tokens.prefetch(users(2..=100), DEADLINE).await.unwrap();
    assert_eq!(counts(&prefetched), (99, 0, 0), "one finds out, and the others follow");
}

/// Whoever needs one of them meanwhile waits for it, and whoever was there first is waited for.
#[tokio::test]
async fn there_is_one_fetch_for_a_session_whoever_asks_for_it() {
    let kit = Kit::new(Mood::Gives(300));
    kit.source.be_slow(true);
    let early = kit.get(1);
    let many = kit.tokens.prefetch(users(1..=10), DEADLINE);
    let late = async {
        settle().await;
        let late = join_all([1, 5, 10].map(|number| kit.get(number)));
        let again = kit.tokens.prefetch(users(5..=10), DEADLINE);
        let quick = async {
            settle().await;
            kit.source.be_slow(false);
        };
        tokio::join!(late, again, quick)
    };
    let (early, many, (late, again, ())) = tokio::join!(early, many, late);
    assert_eq!((kit.asked(), kit.source.doubled()), (10, 0));
    assert_eq!(counts(&many.unwrap()), (10, 0, 0));
    assert_eq!(counts(&again.unwrap()), (6, 0, 0));
    assert_eq!(late[0].as_ref().unwrap(), &early.unwrap());
    for (number, token) in [1, 5, 10].into_iter().zip(&late) {
        let session = read(token.as_ref().unwrap()).0;
        assert!(session.contains(&format!(r#""userId":{number}}}"#)), "{session}");
    }
}

#[tokio::test]
async fn who_gives_up_waiting_does_not_cancel_it() {
    let kit = Kit::new(Mood::Gives(300));
    kit.source.be_slow(true);
    let late = kit.tokens.prefetch(users(1..=10), Duration::from_millis(20)).await.unwrap_err();
    assert!(matches!(late, TokenFetchError::Deadline { .. }), "{late}");
    kit.source.be_slow(false);
    settle().await;
    for number in 1..=10 {
        kit.get(number).await.unwrap();
    }
    assert_eq!(kit.asked(), 10);
}

/// A source that does not know how is not flooded either.
#[tokio::test]
async fn one_by_one_a_few_are_under_way_at_a_time() {
    let kit = Kit::new(Mood::Gives(300));
    kit.tokens.prefetch(users(1..=500), DEADLINE).await.unwrap();
    assert!((2..=16).contains(&kit.source.most_in_flight()), "{}", kit.source.most_in_flight());
}

#[tokio::test]
async fn more_than_there_is_room_for_make_room_for_each_other() {
    let capacity = NonZeroUsize::new(100).unwrap();
    let settings = CacheSettings { capacity, upkeep_every: DEADLINE * 100 };
    let kit = Kit::with(Mood::Gives(300), settings);
    let prefetched = kit.tokens.prefetch(users(1..=5000), DEADLINE).await.unwrap();
    assert_eq!(prefetched.fetched, 5000);
    settle().await;
    assert!(kit.tokens.counts().entries <= 100);
}

#[tokio::test]
async fn a_client_of_a_service_prefetches_for_its_sessions() {
    let bench = Bench::answering(giving_many()).await;
    let service = FakeServer::start(|_| Reply::json(200, "{}")).await;
    let scope = "order:read order:settle".parse().unwrap();
    let target = Target::new(service.url("").parse().unwrap(), AUDIENCE, scope);
    let client = ServiceClient::new(http(), bench.tokens.clone(), target);
    let sessions = (1..=20).filter_map(|number| user(number).session().cloned());
    assert_eq!(counts(&client.prefetch(sessions).await.unwrap()), (20, 0, 0));
    for number in 1..=20 {
        client.with_session(user(number).session().unwrap()).get("/").send().await.unwrap();
    }
    assert_eq!((bench.endpoint.count(), service.count()), (1, 20));
    assert!(client.prefetch([]).await.is_ok());
}
