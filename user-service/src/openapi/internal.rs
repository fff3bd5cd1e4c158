//! What auth-service and the batch ask.

use shared::openapi::Operation;
use shared::reply::codes::{UNAVAILABLE, VALIDATION};

use super::of_user;
use crate::handlers::{self, dormancy, logins};
use crate::reply::{REGISTERED, TOO_MANY_FAILURES, WRONG_PASSWORD};

pub(super) fn all() -> impl Iterator<Item = Operation> {
    [Operation::post("/internal/users/import", handlers::import_users)
        .named("importUsers", "Import users")
        .about("A user is known by the address: who was there before stays as he is.")
        .gives(200, "What became of each row, in the order of the request.")
        .fails(&[&VALIDATION, &UNAVAILABLE])]
    .into_iter()
    .chain(dormancy())
    .chain(logins())
}

fn dormancy() -> [Operation; 4] {
    [
        Operation::get("/internal/dormant-users", dormancy::list_users)
            .named("listDormantUsers", "List users who are not seen any more, page by page")
            .gives(200, "A page of users.")
            .fails(&[&UNAVAILABLE]),
        Operation::get("/internal/dormant-users/companies", dormancy::list_companies)
            .named("listCompaniesOfDormantUsers", "List the companies with such users")
            .gives(200, "The companies.")
            .fails(&[&UNAVAILABLE]),
        of_user(Operation::post("/internal/users/{id}/dormancy-warning", dormancy::warn))
            .named("warnDormantUser", "Warn a user that the account will be closed")
            .gives(200, "What became of it.")
            .required_header(
                "Idempotency-Key",
                "The request's name: 1 to 255 visible ASCII characters.",
            )
            .fails(&[&VALIDATION]),
        of_user(Operation::post("/internal/users/{id}/dormancy-withdrawal", dormancy::withdraw))
            .named("withdrawDormantUser", "Close the account of a user who was warned and not seen")
            .gives(200, "What became of it.")
            .fails(&[&VALIDATION]),
    ]
}

fn logins() -> [Operation; 5] {
    [
        Operation::post("/internal/logins", logins::log_in)
            .named("checkLogin", "Check address and password")
            .gives(200, "Whose they are.")
            .fails(&[&WRONG_PASSWORD, &UNAVAILABLE]),
        Operation::post("/internal/social-logins", logins::log_in_socially)
            .named("findOrMakePerson", "Find or make the account of who comes by a provider")
            .gives(200, "Whose it is, and whether it is new.")
            .fails(&[&VALIDATION, &REGISTERED, &crate::reply::NO_SUCH_USER, &UNAVAILABLE]),
        of_user(Operation::post("/internal/users/{id}/identities", logins::link))
            .named("linkIdentity", "Link a provider to an account")
            .gives(200, "Whose it is.")
            .fails(&[&VALIDATION, &REGISTERED]),
        Operation::post("/internal/users/{id}/password-check", logins::check_password)
            .named("checkPassword", "Check the password of a user")
            .part(("id", "The user."), shared::openapi::number())
            .gives(200, "It is right.")
            .fails(&[&WRONG_PASSWORD, &TOO_MANY_FAILURES, &UNAVAILABLE]),
        of_user(Operation::get("/internal/users/{id}", logins::find_person))
            .named("findPerson", "Find who a user is, for his session")
            .gives(200, "The person."),
    ]
}
