//! The tables, as diesel sees them.

diesel::table! {
    users (id) {
        id -> BigInt,
        company_id -> BigInt,
        email -> Nullable<Text>,
        name -> Text,
        created_at -> Timestamp,
        provider -> Text,
        password_hash -> Nullable<Text>,
        credentials_version -> BigInt,
        email_digest -> Nullable<Text>,
        closed_at -> Nullable<Timestamp>,
        erased_at -> Nullable<Timestamp>,
        last_seen_at -> Timestamp,
        dormancy_warned_at -> Nullable<Timestamp>,
        dormancy_warning_key -> Nullable<Text>,
    }
}

diesel::table! {
    companies (id) {
        id -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    identities (provider, subject) {
        provider -> Text,
        subject -> Text,
        user_id -> BigInt,
        created_at -> Timestamp,
    }
}

diesel::table! {
    mail_outbox (id) {
        id -> Text,
        recipient -> Text,
        subject -> Text,
        text_body -> Text,
        html_body -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        attempts -> Integer,
        next_try_at -> Timestamp,
    }
}

diesel::table! {
    login_ends (id) {
        id -> Text,
        user_id -> BigInt,
        reason -> Text,
        version -> BigInt,
        except_sid -> Nullable<Text>,
        attempts -> Integer,
        next_try_at -> Timestamp,
    }
}

diesel::allow_tables_to_appear_in_same_query!(users, identities);
