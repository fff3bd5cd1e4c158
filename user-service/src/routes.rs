//! Every path, its method, its policy.

use shared::Routes;
use shared::extractor::show_session;
use shared::reply::input::json_config;

use crate::handlers::{self, codes, dormancy, identities, logins, mailbox, profile, signing_up};
use crate::openapi;

/// 500 users, however long their names.
const MAX_IMPORT_BYTES: usize = 2 * 1024 * 1024;

/// What people's own tokens are for; a service that acts for somebody does not touch his account.
const OWN_ACCOUNT: &str = "account:self";

/// What auth-service alone may do, and by which we know it.
pub(crate) const INTERNAL: &str = "user:internal";

#[rustfmt::skip]
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/session", show_session).session()
        .get("/api/me", handlers::find_me).session()
        .get("/api/users", handlers::list_users).session().scope("user:read")
        .get("/api/users/{id}", handlers::find_user).session().scope("user:read")
        .post("/api/v2/users/email-codes", codes::ask_code).public()
        .post("/api/v2/users/email-codes/verify", codes::verify_code).public()
        .post("/api/v2/users", signing_up::sign_up).public()
        .post("/api/v2/users/password-reset", signing_up::reset_password).public()
        .get("/api/v2/users/me", profile::find_own).session().scope(OWN_ACCOUNT)
        .patch("/api/v2/users/me", profile::rename).session().scope(OWN_ACCOUNT)
        .delete("/api/v2/users/me", profile::withdraw).session().scope(OWN_ACCOUNT)
        .post("/api/v2/users/me/password", profile::change_password).session().scope(OWN_ACCOUNT)
        .get("/api/v2/users/me/identities", identities::list).session().scope(OWN_ACCOUNT)
        .delete("/api/v2/users/me/identities/{provider}", identities::unlink).session().scope(OWN_ACCOUNT)
        .post("/internal/users/import", handlers::import_users).session().scope("user:import")
            .path_data(json_config(MAX_IMPORT_BYTES))
        .get("/internal/dormant-users", dormancy::list_users).session().scope("user:dormancy")
        // Which companies there is work for: asked by a program on nobody's behalf.
        .get("/internal/dormant-users/companies", dormancy::list_companies).scope("user:dormancy")
        .post("/internal/users/{id}/dormancy-warning", dormancy::warn).session().scope("user:dormancy")
        .post("/internal/users/{id}/dormancy-withdrawal", dormancy::withdraw).session().scope("user:dormancy")
        .post("/internal/logins", logins::log_in).scope(INTERNAL)
        .post("/internal/social-logins", logins::log_in_socially).scope(INTERNAL)
        .post("/internal/users/{id}/identities", logins::link).scope(INTERNAL)
        .post("/internal/users/{id}/password-check", logins::check_password).scope(INTERNAL)
        .get("/internal/users/{id}", logins::find_person).scope(INTERNAL)
        .documented(openapi::document)
}

/// The same with the page of the mail that is not sent.
#[rustfmt::skip]
pub(crate) fn with_mailbox(routes: Routes) -> Routes {
    routes
        .get("/mailbox", mailbox::show).public()
        .get("/mailbox/messages", mailbox::list_messages).public()
}
