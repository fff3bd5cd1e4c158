//! What the routes do, in words for whoever writes a client.

mod internal;

use shared::openapi::{Document, Operation, number, one_of};
use shared::reply::codes::{BAD_JSON, TOO_LARGE, TOO_MANY_REQUESTS, UNAVAILABLE, VALIDATION};
use utoipa::ToSchema;

use crate::domain::account::Provider;
use crate::domain::password::Missing;
use crate::handlers::profile::ShownPassword;
use crate::handlers::{self, codes, identities, profile, signing_up};
use crate::reply::{
    BAD_CODE, BAD_RESET_TOKEN, LAST_WAY_IN, NO_SUCH_IDENTITY, NO_SUCH_USER, NOT_PROVEN, REGISTERED,
    TOO_MANY_FAILURES, WEAK_PASSWORD, WRONG_PASSWORD,
};

const JSON: &str = "application/json";
const NO_STORE: (&str, &str) = ("Cache-Control", "`no-store`: nobody on the way keeps it.");

/// By which way the owner of an address comes in already.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the data of U001, as it is put together in reply.rs")]
struct Registered {
    #[schema(required, format = "email")]
    email: Option<String>,
    provider: Provider,
}

/// What a password lacks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the data of U006, as it is put together in reply.rs")]
struct WeakPassword {
    #[schema(min_items = 1)]
    missing: Vec<Missing>,
}

/// The document of this service.
pub fn document() -> Document {
    Document::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        "Who the users of a company are, and how people become users.",
    )
    .detail::<Registered>(&REGISTERED)
    .detail::<WeakPassword>(&WEAK_PASSWORD)
    .group(("Signing up", "From an address to an account, and to a new password."), signing_up())
    .group(("Own account", "What people do with their own account, logged in."), own_account())
    .group(("Users", "The users of the caller's company."), users())
    .group(("Session", "Who is calling."), [Operation::show_session()])
    .group(("Internal", "For auth-service and the batch, and for nobody else."), internal::all())
}

fn signing_up() -> [Operation; 4] {
    let often = &[&VALIDATION, &TOO_MANY_REQUESTS, &UNAVAILABLE];
    [
        Operation::post("/api/v2/users/email-codes", codes::ask_code)
            .named("askEmailCode", "Ask for a code by mail")
            .about("The answer is the same whoever has the address.")
            .gives(202, "A code is on its way, if the address can have one.")
            .fails(often),
        Operation::post("/api/v2/users/email-codes/verify", codes::verify_code)
            .named("verifyEmailCode", "Exchange a code for a token")
            .gives(200, "What signing up, or a new password, is asked for with.")
            .with(NO_STORE.0, NO_STORE.1)
            .fails(often)
            .fails(&[&BAD_CODE]),
        Operation::post("/api/v2/users", signing_up::sign_up)
            .named("signUp", "Make an account")
            .gives(201, "The account.")
            .fails(&[&VALIDATION, &REGISTERED, &NOT_PROVEN, &WEAK_PASSWORD, &UNAVAILABLE]),
        Operation::post("/api/v2/users/password-reset", signing_up::reset_password)
            .named("resetPassword", "Set a new password without the old one")
            .about("Every login of the account ends.")
            .gives(200, "It is set.")
            .fails(often)
            .fails(&[&BAD_RESET_TOKEN, &WEAK_PASSWORD]),
    ]
}

fn own_account() -> [Operation; 6] {
    let passwords = &[&WRONG_PASSWORD, &TOO_MANY_FAILURES];
    [
        own(Operation::get("/api/v2/users/me", profile::find_own))
            .named("findOwnAccount", "Show the caller's account")
            .gives(200, "The account."),
        own(Operation::patch("/api/v2/users/me", profile::rename))
            .named("renameOwnAccount", "Change the caller's name")
            .gives(200, "The account as it is now.")
            .fails(&[&VALIDATION]),
        shows_password(own(Operation::delete("/api/v2/users/me", profile::withdraw)))
            .named("withdraw", "Close the caller's account")
            .about("What is known of the person is erased after a while. Every login ends.")
            .gives(200, "It is closed."),
        own(Operation::post("/api/v2/users/me/password", profile::change_password))
            .named("changePassword", "Change the caller's password")
            .about("Every login of the account but this one ends.")
            .gives(200, "It is changed.")
            .fails(passwords)
            .fails(&[&WEAK_PASSWORD]),
        own(Operation::get("/api/v2/users/me/identities", identities::list))
            .named("listIdentities", "List the providers by which the caller may log in")
            .gives(200, "The identities."),
        shows_password(own(Operation::delete(
            "/api/v2/users/me/identities/{provider}",
            identities::unlink,
        )))
        .named("unlinkIdentity", "Unlink a provider from the caller's account")
        .part(("provider", "The provider."), one_of(Provider::ALL.map(Provider::as_str)))
        .gives(200, "It is unlinked.")
        .fails(&[&NO_SUCH_IDENTITY, &LAST_WAY_IN]),
    ]
}

fn own(operation: Operation) -> Operation {
    operation.fails(&[&NO_SUCH_USER, &UNAVAILABLE])
}

/// Who has a password says it; others need not send a body.
fn shows_password(operation: Operation) -> Operation {
    operation.body::<ShownPassword>(JSON, false).fails(&[
        &BAD_JSON,
        &TOO_LARGE,
        &WRONG_PASSWORD,
        &TOO_MANY_FAILURES,
    ])
}

fn users() -> [Operation; 3] {
    [
        Operation::get("/api/me", handlers::find_me)
            .named("findMe", "Find the user of the caller's session")
            .gives(200, "The user.")
            .fails(&[&NO_SUCH_USER, &UNAVAILABLE]),
        Operation::get("/api/users", handlers::list_users)
            .named("listUsers", "List users, page by page")
            .gives(200, "A page of users, or those that were asked for.")
            .fails(&[&UNAVAILABLE]),
        of_user(Operation::get("/api/users/{id}", handlers::find_user))
            .named("findUser", "Find a user")
            .gives(200, "The user."),
    ]
}

fn of_user(operation: Operation) -> Operation {
    operation.part(("id", "The user."), number()).fails(&[&NO_SUCH_USER, &UNAVAILABLE])
}
