//! What people ask, and what is told of them.

use shared::openapi::{Operation, number, one_of, text, uuid};
use shared::reply::codes::{
    NO_SUCH_PATH, TOKEN_REVOKED, TOO_LARGE, TOO_MANY_REQUESTS, UNAVAILABLE, VALIDATION,
};

use super::REFRESH;
use super::wire::{CodeCheck, CodeRequest, PasswordReset, SignUp};
use crate::domain::person::Provider;
use crate::handlers::handoffs::{self, HandoffView};
use crate::handlers::login::LoggedIn;
use crate::handlers::sessions::SessionView;
use crate::handlers::social::{self, Callback};
use crate::handlers::{forward, login, page as files, people, sessions};
use crate::reply::account::{
    CROSS_SITE, REFRESH_INVALID, REFRESH_REUSED, TAKEN, TOO_MANY_ATTEMPTS, WRONG_CREDENTIALS,
};
use crate::reply::social::FAILED;

const SET_COOKIE: (&str, &str) = ("Set-Cookie", "The next refresh token, which no script reads.");
const REMOVED: (&str, &str) = ("Set-Cookie", "The cookie goes.");
const BEARER: (&str, &str) = ("Authorization", "`Bearer` and the access token.");

pub(super) fn logins() -> impl Iterator<Item = Operation> {
    this_login().into_iter().chain(all_logins()).chain(handed_on())
}

fn this_login() -> [Operation; 3] {
    [
        Operation::post("/api/v2/auth/login", login::log_in)
            .named("logIn", "Log in with address and password")
            .gives(200, "An access token; the refresh token is in a cookie.")
            .with(SET_COOKIE.0, SET_COOKIE.1)
            .with(BEARER.0, BEARER.1)
            .fails(&[
                &WRONG_CREDENTIALS,
                &TOO_MANY_ATTEMPTS,
                &CROSS_SITE,
                &NO_SUCH_PATH,
                &UNAVAILABLE,
            ]),
        Operation::post("/api/v2/auth/refresh", login::refresh)
            .named("refresh", "Exchange the refresh token for the next one")
            .about("A refresh token is good once. Used again by somebody else, it ends the login.")
            .proved_by(&[REFRESH])
            .gives_data::<LoggedIn>(
                200,
                "A new access token; the next refresh token is in the cookie.",
            )
            .with(SET_COOKIE.0, SET_COOKIE.1)
            .with(BEARER.0, BEARER.1)
            .fails(&[&REFRESH_INVALID, &REFRESH_REUSED, &CROSS_SITE, &UNAVAILABLE]),
        Operation::post("/api/v2/auth/logout", login::log_out)
            .named("logOut", "Log out")
            .proved_by(&[REFRESH, ""])
            .gives_nothing(204, "The login has ended, or there was none.")
            .with(REMOVED.0, REMOVED.1)
            .fails(&[&CROSS_SITE, &UNAVAILABLE]),
    ]
}

fn all_logins() -> [Operation; 4] {
    [
        Operation::post("/api/v2/auth/logout-all", sessions::log_out_all)
            .named("logOutEverywhere", "Log out everywhere")
            .gives(200, "How many logins have ended.")
            .fails(&[&UNAVAILABLE]),
        Operation::get("/api/v2/auth/sessions", sessions::list_sessions)
            .named("listLogins", "List the caller's logins")
            .gives_list::<SessionView>(200, "The logins.")
            .fails(&[&UNAVAILABLE]),
        Operation::get("/api/v2/auth/sessions/watch", sessions::watch_session)
            .named("watchLogin", "Wait for the end of the caller's login")
            .about("Ask again after a 204: for 25 seconds nothing has happened.")
            .gives_nothing(204, "It has not ended.")
            .fails(&[&TOKEN_REVOKED]),
        Operation::delete("/api/v2/auth/sessions/{id}", sessions::end_session)
            .named("endLogin", "End one of the caller's logins")
            .part(("id", "The login."), uuid())
            .gives_nothing(204, "It has ended.")
            .fails(&[&NO_SUCH_PATH, &UNAVAILABLE]),
    ]
}

fn handed_on() -> [Operation; 2] {
    [
        Operation::get("/api/v2/auth/handoffs", handoffs::list_handoffs)
            .named("listHandoffs", "List what services will do on the caller's behalf")
            .about("What has ended or expired is left out; 200 at the most.")
            .gives_list::<HandoffView>(200, "What was handed on.")
            .fails(&[&UNAVAILABLE]),
        Operation::delete("/api/v2/auth/handoffs/{id}", handoffs::end_handoff)
            .named("endHandoff", "Call back what a service was to do")
            .about("Tokens that have been made of it are revoked.")
            .part(("id", "What was handed on."), text())
            .gives_nothing(204, "Nobody may use it any more.")
            .fails(&[&NO_SUCH_PATH, &UNAVAILABLE]),
    ]
}

fn by_provider(operation: Operation) -> Operation {
    operation
        .part(("provider", "The provider."), one_of(["google", "naver", "kakao"]))
        .fails(&[&NO_SUCH_PATH])
}

pub(super) fn providers() -> [Operation; 3] {
    [
        by_provider(Operation::get("/oauth2/authorization/{provider}", social::begin_login))
            .named("beginSocialLogin", "Send a browser to a provider")
            .gives_nothing(302, "On to the provider.")
            .with("Location", "The provider's page.")
            .with("Set-Cookie", "By which the browser is known when it comes back.")
            .fails(&[&TOO_MANY_REQUESTS]),
        by_provider(Operation::get("/login/oauth2/code/{provider}", social::finish))
            .named("finishSocialLogin", "Take a browser back from a provider")
            .about("How it ended stands in the address of the page that the browser is sent to.")
            .query::<Callback>()
            .gives_nothing(303, "On to the front end.")
            .with(
                "Location",
                "A page of the front end; with `error` and `errorCode` where it failed.",
            )
            .with("Set-Cookie", "The refresh token of the login.")
            .fails(&[&FAILED, &TOO_MANY_REQUESTS]),
        by_provider(Operation::post("/api/v2/auth/links/{provider}", social::begin_link))
            .named("beginLink", "Begin to link a provider to the caller's account")
            .about("With the password, or within minutes of a login.")
            .gives(200, "Where the browser has to go.")
            .with("Set-Cookie", "By which the browser is known when it comes back.")
            .fails(&[&VALIDATION, &WRONG_CREDENTIALS, &TOO_MANY_ATTEMPTS, &UNAVAILABLE]),
    ]
}

pub(super) fn page() -> [Operation; 9] {
    let html = (200, "text/html");
    let script = (200, "text/javascript");
    [
        Operation::get("/account", files::show_page)
            .named("showAccountPage", "Show the account page")
            .gives_bytes(html, "The page."),
        Operation::get("/account/account.css", files::show_style)
            .named("showAccountStyle", "Show its style")
            .gives_bytes((200, "text/css"), "The style."),
        Operation::get("/account/account.js", files::show_script)
            .named("showAccountScript", "Show its script")
            .gives_bytes(script, "The script."),
        Operation::get("/account/words.js", files::show_words)
            .named("showAccountWords", "Show its words")
            .gives_bytes(script, "The words, in Korean and English."),
        Operation::get("/account/providers", files::list_providers)
            .named("listProviders", "List the providers by which somebody may come")
            .gives_list::<Provider>(200, "The providers."),
        forwarded(Operation::post("/api/v2/users/email-codes", forward::forward))
            .named("askEmailCode", "Ask for a code by mail")
            .body::<CodeRequest>(JSON, true),
        forwarded(Operation::post("/api/v2/users/email-codes/verify", forward::forward))
            .named("verifyEmailCode", "Exchange a code for a token")
            .body::<CodeCheck>(JSON, true),
        forwarded(Operation::post("/api/v2/users", forward::forward))
            .named("signUp", "Make an account")
            .body::<SignUp>(JSON, true)
            .fails(&[&TAKEN]),
        forwarded(Operation::post("/api/v2/users/password-reset", forward::forward))
            .named("resetPassword", "Set a new password without the old one")
            .body::<PasswordReset>(JSON, true),
    ]
}

const JSON: &str = "application/json";

fn forwarded(operation: Operation) -> Operation {
    operation
        .about("Passed on to user-service, whose document says what it answers.")
        .gives_bytes((200, JSON), "As user-service answers.")
        .fails(&[&TOO_LARGE, &NO_SUCH_PATH, &UNAVAILABLE])
}

pub(super) fn internal() -> [Operation; 1] {
    [Operation::post("/internal/users/{id}/end-logins", people::end_logins)
        .named("endLoginsOfUser", "End the logins of a user that are older than his credentials")
        .part(("id", "The user."), number())
        .gives(200, "How many have ended.")
        .fails(&[&NO_SUCH_PATH, &UNAVAILABLE])]
}
