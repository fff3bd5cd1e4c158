//! The tables, as diesel sees them.

diesel::table! {
    users (id) {
        id -> BigInt,
        company_id -> BigInt,
        email -> Text,
        name -> Text,
        created_at -> Timestamp,
    }
}
