//! The tables.

diesel::table! {
    runs (id) {
        id -> BigInt,
        job -> Text,
        run_window -> Text,
        parameters -> Text,
        pass -> Integer,
        state -> Text,
        planned -> Bool,
        stop_requested -> Bool,
        reason -> Text,
        created_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    parts (id) {
        id -> BigInt,
        run_id -> BigInt,
        company_id -> BigInt,
        state -> Text,
        owner -> Text,
        lease_until -> Timestamp,
        fence -> BigInt,
        checkpoint -> BigInt,
        place -> Text,
        items -> BigInt,
        skipped -> BigInt,
        counts -> Text,
        reason -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    quarantine (id) {
        id -> BigInt,
        run_id -> BigInt,
        company_id -> BigInt,
        name -> Text,
        item -> Text,
        reason -> Text,
        attempts -> Integer,
        state -> Text,
        at -> Timestamp,
    }
}

diesel::table! {
    settlements (paid_on, company_id, number) {
        paid_on -> Date,
        company_id -> BigInt,
        number -> Integer,
        state -> Text,
        file_ids -> Text,
        order_count -> BigInt,
        sums -> Text,
        opened_at -> Timestamp,
    }
}

diesel::allow_tables_to_appear_in_same_query!(runs, parts, quarantine);
