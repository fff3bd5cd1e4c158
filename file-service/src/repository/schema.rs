//! The tables, as diesel sees them.

diesel::table! {
    files (id) {
        id -> Text,
        company_id -> BigInt,
        name -> Text,
        content_type -> Text,
        size_bytes -> BigInt,
        sha256 -> Text,
        idempotency_key -> Nullable<Text>,
        created_at -> Timestamp,
        created_by -> BigInt,
    }
}

diesel::table! {
    loose_objects (id) {
        id -> Text,
        company_id -> BigInt,
        since -> Timestamp,
    }
}

diesel::allow_tables_to_appear_in_same_query!(files, loose_objects);
