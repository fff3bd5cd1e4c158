//! The tables.

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
        created_through -> Nullable<Text>,
        expires_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    loose_objects (id) {
        id -> Text,
        company_id -> BigInt,
        since -> Timestamp,
        reserved_bytes -> BigInt,
        multipart_id -> Nullable<Text>,
        doomed -> Bool,
    }
}

diesel::table! {
    storage_usage (company_id) {
        company_id -> BigInt,
        used_bytes -> BigInt,
    }
}

diesel::table! {
    uploads (id) {
        id -> Text,
        company_id -> BigInt,
        name -> Text,
        content_type -> Text,
        metadata -> Text,
        size_bytes -> BigInt,
        offset_bytes -> BigInt,
        part_count -> BigInt,
        fence -> BigInt,
        leased_until -> Nullable<Timestamp>,
        file_id -> Nullable<Text>,
        created_at -> Timestamp,
        created_by -> BigInt,
        created_through -> Nullable<Text>,
        expires_at -> Timestamp,
        file_expires_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    upload_parts (id) {
        id -> Text,
        company_id -> BigInt,
        upload_id -> Text,
        first_byte -> BigInt,
        size_bytes -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    files,
    loose_objects,
    storage_usage,
    uploads,
    upload_parts
);
