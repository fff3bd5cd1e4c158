//! The tables, as diesel sees them.

diesel::table! {
    products (id) {
        id -> BigInt,
        name -> Text,
        unit_price_minor -> Nullable<BigInt>,
        currency -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    company_prices (company_id, product_id) {
        company_id -> BigInt,
        product_id -> BigInt,
        unit_price_minor -> BigInt,
        currency -> Text,
    }
}

diesel::table! {
    orders (id) {
        id -> Text,
        company_id -> BigInt,
        user_id -> BigInt,
        order_no -> Text,
        status -> Text,
        total_minor -> BigInt,
        currency -> Text,
        paid_at -> Nullable<Timestamp>,
        settled_at -> Nullable<Timestamp>,
        settlement_id -> Nullable<Text>,
        settle_key -> Nullable<Text>,
        version -> Integer,
        created_at -> Timestamp,
    }
}

diesel::table! {
    order_items (order_id, line) {
        order_id -> Text,
        line -> Integer,
        company_id -> BigInt,
        product_id -> BigInt,
        product_name -> Text,
        quantity -> Integer,
        unit_price_minor -> BigInt,
    }
}

diesel::table! {
    receipts (order_id) {
        order_id -> Text,
        company_id -> BigInt,
        session -> Text,
        traceparent -> Nullable<Text>,
        file_id -> Nullable<Text>,
        attempts -> Integer,
        next_try_at -> Timestamp,
    }
}

diesel::table! {
    exports (id) {
        id -> Text,
        company_id -> BigInt,
        user_id -> BigInt,
        handoff -> Text,
        handed_on_until -> Timestamp,
        placed_from -> Nullable<Timestamp>,
        placed_to -> Nullable<Timestamp>,
        due_at -> Timestamp,
        state -> Text,
        file_id -> Nullable<Text>,
        reason -> Nullable<Text>,
        ended_by -> Nullable<Text>,
        created_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    orders,
    order_items,
    products,
    company_prices,
    receipts
);
