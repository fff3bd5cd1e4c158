use super::*;

type Checked = Result<(), Box<dyn std::error::Error>>;

const TWO: &str = r#"
[[client]]
id = "order-service"
scope = ["file:write", "file:read"]
resources = ["file-service"]
exchange = ["file-service"]
service_account = "prod/shop:order"

[[client]]
id = "batch-service"
scope = "order:read order:settle"
resources = ["order-service"]
session_policy = { assert = { companies = [100, 200], roles = ["batch"], max_ttl_s = 60 } }
secret_file = "/run/secrets/batch"
"#;

fn known(declared: &[Declared]) -> Vec<Known> {
    let known = |declared: &Declared| Known { client: declared.client.clone(), from_file: true };
    declared.iter().map(known).collect()
}

#[test]
fn a_file_declares_clients_and_once_applied_changes_nothing() -> Checked {
    let declared = parse(TWO)?;
    assert_eq!(declared.len(), 2);
    assert_eq!(declared[0].client.scopes.to_string(), "file:read file:write");
    assert_eq!(declared[1].secret_file, Some("/run/secrets/batch".into()));
    assert_eq!(difference(&declared, &[], true).len(), 2);
    assert_eq!(difference(&declared, &known(&declared), true), []);
    Ok(())
}

#[test]
fn a_difference_names_the_rights_that_change_and_no_others() -> Checked {
    let (before, after) = (parse(TWO)?, parse(&TWO.replace("order:settle", "order:write"))?);
    let changes = difference(&after, &known(&before), false);
    let shown: Vec<String> = changes.iter().map(Change::to_string).collect();
    let expected = r#"~ batch-service
    scope: ["order:read","order:settle"] -> ["order:read","order:write"]"#;
    assert_eq!(shown, [expected]);
    Ok(())
}

#[test]
fn only_what_a_file_has_declared_goes_with_it() -> Checked {
    let declared = parse(TWO)?;
    let mut registered = known(&declared);
    registered[0].from_file = false;
    let none = difference(&[], &registered, false);
    assert_eq!(none, []);
    let pruned = difference(&[], &registered, true);
    assert_eq!(pruned, [Change::Remove(Box::new(declared[1].client.clone()))]);
    Ok(())
}

#[test]
fn what_is_declared_wrongly_is_refused_with_the_name_of_the_client() {
    let table = [
        ("client = 7", "not a file of clients"),
        ("[[cliant]]\nid = \"a\"", "not a file of clients"),
        ("[[client]]\nscope = \"a\"", "without id"),
        ("[[client]]\nid = \"a b\"", "client a b"),
        ("[[client]]\nid = \"a\"\nscopes = \"b\"", "client a"),
        ("[[client]]\nid = \"a\"\n[[client]]\nid = \"a\"", "declared twice"),
        ("[[client]]\nid = \"a\"\nresources = [\"\"]", "printable"),
        ("[[client]]\nid = \"a\"\nsession_policy = \"any\"", "client a"),
        (
            "[[client]]\nid = \"a\"\nsession_policy = {assert = {companies = \"any\", max_ttl_s = 9}}",
            "max_ttl_s",
        ),
        ("[[client]]\nid = \"a\"\nservice_account = \"prod/shop:default\"", "default!"),
        ("[[client]]\nid = \"a\"\nkeys = [{kty = \"EC\", d = \"AQ\"}]", "private"),
        ("[[client]]\nid = \"a\"\nkeys = [{kty = \"EC\", kid = \"1\"}]", "ES256"),
        (
            "[[client]]\nid = \"a\"\nservice_account = \"p/s:o\"\n[[client]]\nid = \"b\"\nservice_account = \"p/s:o\"",
            "too",
        ),
    ];
    for (text, named) in table {
        let error = parse(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(named), "{text}: {error}");
    }
}
