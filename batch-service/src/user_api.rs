//! The calls that we make to user-service.

pub(crate) mod dormancy;

use std::collections::HashMap;

use serde::Deserialize;
use shared::{ServiceClient, Session, UserId};

use crate::error::BatchError;
use crate::runner::retrying;

const SERVICE: &str = "user-service";
/// Users asked for at once.
const CHUNK: usize = 200;
/// Users taken over at once.
const IMPORT_CHUNK: usize = 500;

#[derive(Clone, Debug)]
pub(crate) struct UserApi {
    client: ServiceClient,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: UserId,
    /// Who came by way of another provider may have none.
    pub(crate) email: Option<String>,
    pub(crate) name: String,
}

#[derive(Deserialize)]
struct Users {
    users: Vec<User>,
}

#[derive(Deserialize)]
struct Imported {
    email: String,
    id: Option<UserId>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct ImportAnswer {
    users: Vec<Imported>,
}

impl UserApi {
    pub(crate) fn new(client: ServiceClient) -> Self {
        Self { client }
    }

    /// For its tokens to be fetched ahead.
    pub(crate) fn client(&self) -> &ServiceClient {
        &self.client
    }

    /// The users of these ids, as far as they exist in the session's company.
    pub(crate) async fn find_all(
        &self,
        session: &Session,
        ids: &[UserId],
    ) -> Result<HashMap<UserId, User>, BatchError> {
        let client = self.client.with_session(session);
        let mut found = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let asked: Vec<String> = chunk.iter().map(UserId::to_string).collect();
            let asked = asked.join(",");
            let answer: Users = retrying(|| async {
                let call = client.get("/api/users").query(&[("ids", &asked)]);
                call.fetch().await.map_err(BatchError::call(SERVICE))
            })
            .await?;
            found.extend(answer.users.into_iter().map(|user| (user.id, user)));
        }
        Ok(found)
    }

    /// Makes sure that these users exist in the session's company: the id of each address, or why there is none.
    pub(crate) async fn import(
        &self,
        session: &Session,
        emails: &[&str],
    ) -> Result<HashMap<String, Result<UserId, String>>, BatchError> {
        let client = self.client.with_session(session);
        let mut ids = HashMap::with_capacity(emails.len());
        for chunk in emails.chunks(IMPORT_CHUNK) {
            let users: Vec<_> =
                chunk.iter().map(|email| serde_json::json!({ "email": email })).collect();
            let body = serde_json::json!({ "users": users });
            let call = client.post("/internal/users/import").json(&body);
            let answer: ImportAnswer = call.fetch().await.map_err(BatchError::call(SERVICE))?;
            ids.extend(answer.users.into_iter().map(|user| {
                let why = user.error.unwrap_or_else(|| "no such user".to_owned());
                (user.email, user.id.ok_or(why))
            }));
        }
        Ok(ids)
    }
}
