//! The tables, as diesel sees them.

diesel::table! {
    clients (client_id) {
        client_id -> Text,
        secret_sha256 -> Text,
        scopes -> Text,
        audiences -> Text,
        session_policy -> Text,
        created_at -> Timestamp,
        exchange -> Text,
        serves -> Text,
        keys -> Text,
        service_account -> Nullable<Text>,
        from_file -> Bool,
        hands_on -> Text,
        takes_over -> Text,
    }
}

diesel::table! {
    client_secrets (secret_id) {
        secret_id -> Text,
        client_id -> Text,
        sha256 -> Text,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        sealed_private_key -> Binary,
        state -> Text,
        created_at -> Timestamp,
        generation -> BigInt,
        signs_from -> Timestamp,
    }
}

diesel::table! {
    changes (name) {
        name -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    revocations (seq) {
        seq -> BigInt,
        kind -> Text,
        value -> Text,
        before_s -> Nullable<BigInt>,
        expires_s -> BigInt,
    }
}

diesel::table! {
    used_assertions (client_id, jti_sha256) {
        client_id -> Text,
        jti_sha256 -> Text,
        expires_s -> BigInt,
    }
}

diesel::table! {
    audit (id) {
        id -> BigInt,
        event_id -> Text,
        at -> Timestamp,
        event -> Text,
        actor -> Text,
        client_id -> Nullable<Text>,
        session -> Nullable<Text>,
        detail -> Text,
    }
}

diesel::table! {
    logins (sid) {
        sid -> Text,
        user_id -> BigInt,
        session -> Text,
        provider -> Text,
        user_agent -> Text,
        address -> Text,
        credentials_version -> BigInt,
        began_at -> Timestamp,
        auth_time_s -> BigInt,
        used_at -> Timestamp,
        ends_at -> Timestamp,
        idle_until -> Timestamp,
        generation -> BigInt,
        token_hash -> Text,
        parent_hash -> Nullable<Text>,
        exchanged_at -> Nullable<Timestamp>,
        sealed_pair -> Nullable<Binary>,
        ended_by -> Nullable<Text>,
    }
}

diesel::table! {
    handoffs (name) {
        name -> Text,
        purpose -> Text,
        handed_on_by -> Text,
        executor -> Text,
        audiences -> Text,
        scope -> Text,
        sub -> Text,
        user_id -> BigInt,
        session -> Text,
        root_sid -> Text,
        root_began_s -> BigInt,
        act -> Text,
        credentials_version -> BigInt,
        max_uses -> BigInt,
        created_at -> Timestamp,
        not_before_s -> BigInt,
        not_after_s -> BigInt,
        outlives_logout -> Bool,
        traceparent -> Nullable<Text>,
        uses -> BigInt,
        redemptions -> Text,
        last_used_at -> Nullable<Timestamp>,
        ended_by -> Nullable<Text>,
        ended_at -> Nullable<Timestamp>,
    }
}

// A handoff is looked at with the login that it came of.
diesel::allow_tables_to_appear_in_same_query!(handoffs, logins);

diesel::table! {
    login_counts (user_id) {
        user_id -> BigInt,
        begun -> BigInt,
        min_version -> BigInt,
    }
}

diesel::table! {
    login_attempts (key) {
        key -> Text,
        tries -> BigInt,
        next_ms -> BigInt,
        forget_ms -> BigInt,
    }
}

diesel::table! {
    login_eras (id) {
        id -> BigInt,
        era -> BigInt,
        counted -> BigInt,
    }
}
