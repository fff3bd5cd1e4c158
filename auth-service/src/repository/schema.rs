//! The tables, as diesel sees them.

diesel::table! {
    clients (client_id) {
        client_id -> Text,
        secret_sha256 -> Text,
        scopes -> Text,
        audiences -> Text,
        session_policy -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        sealed_private_key -> Binary,
        state -> Text,
        created_at -> Timestamp,
    }
}
