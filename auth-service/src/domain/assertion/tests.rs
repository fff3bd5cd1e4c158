use serde_json::{Value, json};

use super::*;

const NOW_S: i64 = 1_800_000_000;
const AUD: &str = "https://auth";

fn own(change: Value) -> Result<Assertion, AssertionRefusal> {
    let base =
        json!({"iss": "c", "sub": "c", "aud": AUD, "exp": NOW_S + 60, "iat": NOW_S, "jti": "1"});
    changed(base, change)
}

/// As a cluster makes it for a pod, with an audience of its own and for one hour.
fn projected(change: Value) -> Result<Assertion, AssertionRefusal> {
    let base = json!({
        "aud": [AUD],
        "exp": NOW_S + 3000,
        "iat": NOW_S - 607,
        "iss": "https://kubernetes.default.svc.cluster.local",
        "jti": "8b1f6f7c-7e0a-4d39-8c5e-2f8a3f8c2b11",
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "node-1", "uid": "7d6c"},
            "pod": {"name": "order-7f9c", "uid": "a1b2"},
            "serviceaccount": {"name": "order", "uid": "c3d4"},
            "warnafter": NOW_S + 3000,
        },
        "nbf": NOW_S - 607,
        "sub": "system:serviceaccount:shop:order",
    });
    changed(base, change)
}

/// `null` takes a member away.
fn changed(mut base: Value, change: Value) -> Result<Assertion, AssertionRefusal> {
    for (name, value) in change.as_object().into_iter().flatten() {
        base[name] = value.clone();
    }
    base.as_object_mut().into_iter().for_each(|base| base.retain(|_, value| !value.is_null()));
    Assertion::parse(base.to_string().as_bytes())
}

#[test]
fn what_a_client_has_signed_is_for_this_server_and_for_a_moment() {
    let table = [
        (json!({}), None),
        (json!({"aud": [AUD]}), None),
        (json!({"aud": "https://auth/oauth2/token"}), None),
        (json!({"iat": null}), None),
        (json!({"sub": "d"}), Some(AssertionRefusal::Subject)),
        (json!({"aud": "https://auth/"}), Some(AssertionRefusal::Audience)),
        (json!({"aud": [AUD, "https://other"]}), Some(AssertionRefusal::Audience)),
        (json!({"aud": []}), Some(AssertionRefusal::Audience)),
        (json!({"exp": NOW_S - 30}), Some(AssertionRefusal::Expired)),
        (json!({"exp": NOW_S + 331}), Some(AssertionRefusal::TooLong)),
        (json!({"exp": i64::MAX}), Some(AssertionRefusal::TooLong)),
        (json!({"iat": NOW_S + 31}), Some(AssertionRefusal::NotYet)),
        (json!({"nbf": NOW_S + 31}), Some(AssertionRefusal::NotYet)),
        (json!({"jti": null}), Some(AssertionRefusal::NoJti)),
        (json!({"jti": ""}), Some(AssertionRefusal::NoJti)),
        (json!({"jti": "x".repeat(201)}), Some(AssertionRefusal::NoJti)),
        (json!({"exp": null}), Some(AssertionRefusal::NoJwt)),
        (json!({"exp": "soon"}), Some(AssertionRefusal::NoJwt)),
        (json!({"aud": 7}), Some(AssertionRefusal::NoJwt)),
    ];
    for (change, expected) in table {
        let assertion = own(change.clone());
        let verdict = assertion.and_then(|own| {
            own.check_own(&[AUD, "https://auth/oauth2/token"], NOW_S).map(str::to_owned)
        });
        assert_eq!(verdict.err(), expected, "{change}");
    }
}

#[test]
fn a_pods_token_names_one_account_and_is_not_older_than_is_declared() {
    let table = [
        (json!({}), None),
        (json!({"aud": "https://other"}), Some(AssertionRefusal::Audience)),
        (json!({"aud": [AUD, "api"]}), Some(AssertionRefusal::Audience)),
        (json!({"exp": NOW_S - 30}), Some(AssertionRefusal::Expired)),
        (json!({"exp": null}), Some(AssertionRefusal::NoJwt)),
        (json!({"iat": NOW_S - 3601}), Some(AssertionRefusal::TooOld)),
        (json!({"iat": null}), Some(AssertionRefusal::TooOld)),
        (json!({"sub": "order"}), Some(AssertionRefusal::NoServiceAccount)),
        (
            json!({"sub": "system:serviceaccount:shop:admin"}),
            Some(AssertionRefusal::NoServiceAccount),
        ),
        (json!({"kubernetes.io": null}), Some(AssertionRefusal::NoServiceAccount)),
        (
            json!({"kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "order"}}}),
            Some(AssertionRefusal::NoServiceAccount),
        ),
    ];
    for (change, expected) in table {
        let assertion = projected(change.clone());
        let verdict = assertion
            .and_then(|own| own.check_service_account(AUD, (3600, NOW_S)).map(str::to_owned));
        assert_eq!(verdict.clone().err(), expected, "{change}");
        assert!(verdict.is_err() || verdict == Ok("shop:order".to_owned()));
    }
}
