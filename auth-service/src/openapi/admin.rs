//! What operators ask.

use shared::openapi::{Operation, text};
use shared::reply::codes::{NO_SUCH_PATH, UNAVAILABLE, VALIDATION};

use super::wire::ClientsFile;
use crate::domain::client::Client;
use crate::handlers::admin::audit::AuditView;
use crate::handlers::admin::clients::ClientView;
use crate::handlers::admin::keys::KeyView;
use crate::handlers::admin::{audit, clients, handoffs, keys, policy, revocations};

const JSON: &str = "application/json";
const NO_STORE: (&str, &str) = ("Cache-Control", "`no-store`: the secret is shown once.");

pub(super) fn all() -> impl Iterator<Item = Operation> {
    clients().into_iter().chain(others())
}

fn clients() -> [Operation; 7] {
    [
        Operation::get("/admin/clients", clients::list_clients)
            .named("listClients", "List the clients")
            .gives_list::<ClientView>(200, "The clients."),
        Operation::post("/admin/clients", clients::create_client)
            .named("createClient", "Register a client")
            .body::<Client>(JSON, true)
            .gives(201, "The client, and its secret.")
            .with(NO_STORE.0, NO_STORE.1)
            .fails(&[&VALIDATION, &UNAVAILABLE]),
        Operation::post("/admin/clients/apply", clients::apply_clients)
            .named("applyClients", "Make the clients what this says")
            .body::<ClientsFile>(JSON, true)
            .gives(200, "What was changed, or would be.")
            .fails(&[&UNAVAILABLE]),
        of_client(Operation::get("/admin/clients/{id}", clients::find_client))
            .named("findClient", "Find a client")
            .gives(200, "The client."),
        of_client(Operation::put("/admin/clients/{id}", clients::put_client))
            .named("putClient", "Give a client exactly these rights")
            .about("It keeps its secrets; one that is not there yet is registered without any.")
            .body::<Client>(JSON, true)
            .gives(200, "The client.")
            .fails(&[&VALIDATION]),
        of_client(Operation::delete("/admin/clients/{id}", clients::delete_client))
            .named("deleteClient", "Remove a client")
            .gives(200, "It is gone, and its tokens are revoked."),
        of_client(Operation::post("/admin/clients/{id}/secrets", clients::rotate_secret))
            .named("rotateClientSecret", "Give a client a new secret")
            .gives(201, "The new secret.")
            .with(NO_STORE.0, NO_STORE.1),
    ]
}

fn of_client(operation: Operation) -> Operation {
    operation.part(("id", "The client."), text()).fails(&[&NO_SUCH_PATH, &UNAVAILABLE])
}

fn others() -> [Operation; 6] {
    [
        Operation::post("/admin/policy/explain", policy::explain_policy)
            .named("explainPolicy", "Ask whether a client would get such a token")
            .gives(200, "Whether it would, and by which rule."),
        Operation::get("/admin/keys", keys::list_keys)
            .named("listSigningKeys", "List the signing keys")
            .gives_list::<KeyView>(200, "Their times, not the keys."),
        Operation::post("/admin/keys/rotate", keys::rotate_keys)
            .named("rotateSigningKeys", "Make the next signing key, or withdraw all")
            .gives_list::<KeyView>(200, "The keys as they are now.")
            .fails(&[&UNAVAILABLE]),
        Operation::post("/admin/revocations", revocations::revoke)
            .named("revoke", "Revoke what tokens were issued")
            .gives(201, "The entry of the feed.")
            .fails(&[&VALIDATION, &UNAVAILABLE]),
        Operation::get("/admin/handoffs/{id}", handoffs::explain_handoff)
            .named(
                "explainHandoff",
                "Ask who may use a handoff, and why a use would be refused now",
            )
            .part(("id", "Its id, or the name that tokens have for it."), text())
            .gives(200, "What there is to say of it.")
            .fails(&[&NO_SUCH_PATH, &UNAVAILABLE]),
        Operation::get("/admin/audit", audit::list_audit)
            .named("listAudit", "List what has been done")
            .gives_list::<AuditView>(200, "Entries, the oldest first.")
            .fails(&[&UNAVAILABLE]),
    ]
}
