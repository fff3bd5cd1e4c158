use super::*;

type Checked = Result<(), Box<dyn std::error::Error>>;

fn asked(json: &str) -> Result<MaybeAsked, shared::SessionError> {
    if json.is_empty() {
        Ok(MaybeAsked::Nobody)
    } else {
        Session::parse(json).map(MaybeAsked::Session)
    }
}

const SEVEN: &str = r#"{"companyId":7,"userId":1}"#;
const CLERK: &str = r#"{"companyId":7,"userId":1,"roles":["clerk"]}"#;
const TEAM: &str = r#"{"companyId":7,"userId":1,"team":"a"}"#;

/// The word of the rule that refuses, `""` for none.
fn rule(refusal: &SessionRefusal) -> &'static str {
    match refusal {
        SessionRefusal::NoSession => "none",
        SessionRefusal::OtherThanFixed => "fixed",
        SessionRefusal::Company(_) => "companies",
        SessionRefusal::User(_) => "users",
        SessionRefusal::Role(_) => "roles",
        SessionRefusal::Attribute(_) => "attributes",
    }
}

#[test]
fn each_policy_gives_what_it_promises_and_no_more() -> Checked {
    let table = [
        ("none", "", ""),
        ("none", SEVEN, "none"),
        (r#"fixed:{"companyId":7,"userId":1}"#, SEVEN, ""),
        (r#"fixed:{"companyId":7,"userId":1}"#, CLERK, "fixed"),
        ("assert:any", "", ""),
        ("assert:any", SEVEN, ""),
        ("assert:any", CLERK, "roles"),
        ("assert:any", TEAM, "attributes"),
        ("assert:7,8", SEVEN, ""),
        ("assert:8", SEVEN, "companies"),
        (r#"{"assert":{"companies":[7],"users":[2]}}"#, SEVEN, "users"),
        (r#"{"assert":{"companies":[7],"users":[1]}}"#, SEVEN, ""),
        (r#"{"assert":{"companies":"any","roles":["clerk"]}}"#, CLERK, ""),
        (r#"{"assert":{"companies":"any","roles":["admin"]}}"#, CLERK, "roles"),
        (r#"{"assert":{"companies":"any","roles":"any"}}"#, TEAM, "attributes"),
        (r#"{"assert":{"companies":"any","attributes":{"team":["a","b"]}}}"#, TEAM, ""),
        (r#"{"assert":{"companies":"any","attributes":{"team":["b"]}}}"#, TEAM, "attributes"),
        (r#"{"assert":{"companies":"any","attributes":{"team":"any"}}}"#, TEAM, ""),
        (r#"{"assert":{"companies":"any","attributes":"any"}}"#, TEAM, ""),
    ];
    for (policy, session, expected) in table {
        let policy: SessionPolicy = policy.parse()?;
        let asked = asked(session)?;
        let verdict = policy.decide(asked.clone());
        assert_eq!(verdict.as_ref().err().map_or("", rule), expected, "{policy} {session}");
        assert!(verdict.is_err() || verdict.is_ok_and(|given| given.session == asked), "{policy}");
    }
    Ok(())
}

#[test]
fn a_fixed_session_is_given_to_who_asks_for_none() -> Checked {
    let policy: SessionPolicy = format!("fixed:{SEVEN}").parse()?;
    assert_eq!(policy.decide(MaybeAsked::Nobody)?.session, asked(SEVEN)?);
    Ok(())
}

#[test]
fn a_lifetime_is_bounded_for_asserted_sessions_only() -> Checked {
    let policy: SessionPolicy = r#"{"assert":{"companies":[7],"max_ttl_s":60}}"#.parse()?;
    assert_eq!(policy.decide(asked(SEVEN)?)?.max_ttl_s, Some(60));
    assert_eq!(policy.decide(MaybeAsked::Nobody)?.max_ttl_s, None);
    Ok(())
}

#[test]
fn a_policy_survives_being_stored() -> Checked {
    let all = [
        "none",
        r#"fixed:{"companyId":7,"userId":1,"x":"é"}"#,
        "assert:any",
        "assert:1,2",
        r#"{"assert":{"companies":[1],"users":[2],"roles":"any","attributes":{"a":[1,"b"]},"max_ttl_s":9}}"#,
    ];
    for text in all {
        let policy: SessionPolicy = text.parse()?;
        let stored = serde_json::to_string(&policy)?;
        assert_eq!(SessionPolicy::from_json(&stored)?, policy, "{stored}");
        assert_eq!(policy.to_string(), text);
    }
    Ok(())
}

#[test]
fn what_the_first_release_has_stored_means_what_it_meant() -> Checked {
    let stored = r#"{"kind":"assert","companies":{"listed":[7]}}"#;
    let policy = SessionPolicy::from_json(stored)?;
    assert!(policy.decide(asked(CLERK)?).is_ok() && policy.decide(asked(TEAM)?).is_ok());
    let eight = asked(r#"{"companyId":8,"userId":1}"#)?;
    assert!(matches!(policy.decide(eight), Err(SessionRefusal::Company(_))));
    assert_eq!(SessionPolicy::from_json(r#"{"kind":"none"}"#)?, SessionPolicy::None);
    Ok(())
}

#[test]
fn what_is_not_a_policy_is_refused() {
    for text in [
        "",
        "all",
        "fixed:",
        "fixed:{}",
        "assert:",
        "assert:0",
        "assert:1,,2",
        "any",
        r#"{"assert":{}}"#,
        r#"{"assert":{"companies":"all"}}"#,
        r#"{"assert":{"companies":[1],"rolls":[]}}"#,
        r#"{"fixed":{"companyId":1}}"#,
    ] {
        assert!(text.parse::<SessionPolicy>().is_err(), "{text}");
    }
}
