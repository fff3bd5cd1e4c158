//! A login as the text that Redis keeps.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use shared::{Session, Timestamp, UserId};
use uuid::Uuid;

use crate::domain::login::{Device, Line, Login, Parent};
use crate::domain::person::Provider;
use crate::domain::refresh_token::{SealedPair, TokenHash};

#[derive(Serialize, Deserialize)]
struct State {
    user_id: UserId,
    session: String,
    provider: Provider,
    device: Device,
    credentials_version: i64,
    began_at: Timestamp,
    auth_time_s: i64,
    used_at: Timestamp,
    ends_at: Timestamp,
    idle_until: Timestamp,
    generation: u32,
    token_hash: String,
    parent: Option<ParentState>,
}

#[derive(Serialize, Deserialize)]
struct ParentState {
    token_hash: String,
    exchanged_at: Timestamp,
    pair: Option<String>,
}

pub(super) fn write(login: &Login) -> String {
    let parent = login.line.parent.as_ref().map(|parent| ParentState {
        token_hash: parent.token_hash.as_str().to_owned(),
        exchanged_at: parent.exchanged_at,
        pair: parent.pair.as_ref().map(|pair| URL_SAFE_NO_PAD.encode(pair.as_bytes())),
    });
    let state = State {
        user_id: login.user_id,
        session: login.session.as_json().to_owned(),
        provider: login.provider,
        device: login.device.clone(),
        credentials_version: login.credentials_version,
        began_at: login.began_at,
        auth_time_s: login.auth_time_s,
        used_at: login.used_at,
        ends_at: login.ends_at,
        idle_until: login.idle_until,
        generation: login.line.generation,
        token_hash: login.line.token_hash.as_str().to_owned(),
        parent,
    };
    // Names as keys only: it cannot fail.
    serde_json::to_string(&state).unwrap_or_default()
}

/// None: it is not one of ours.
pub(super) fn read(sid: Uuid, text: &str) -> Option<Login> {
    let state: State = serde_json::from_str(text).ok()?;
    let parent = state.parent.map(|parent| Parent {
        token_hash: TokenHash::stored(parent.token_hash),
        exchanged_at: parent.exchanged_at,
        pair: parent
            .pair
            .and_then(|pair| URL_SAFE_NO_PAD.decode(pair).ok())
            .map(SealedPair::stored),
    });
    let (generation, token_hash) = (state.generation, TokenHash::stored(state.token_hash));
    Some(Login {
        sid,
        user_id: state.user_id,
        session: Session::parse(&state.session).ok()?,
        provider: state.provider,
        device: state.device,
        credentials_version: state.credentials_version,
        began_at: state.began_at,
        auth_time_s: state.auth_time_s,
        used_at: state.used_at,
        ends_at: state.ends_at,
        idle_until: state.idle_until,
        line: Line { generation, token_hash, parent },
        ended: None,
    })
}
