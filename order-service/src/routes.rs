//! Every path, its method, its policy.

use shared::Routes;
use shared::extractor::show_session;
use shared::reply::input::json_config;

use crate::handlers::{changes, exports, imports, orders, products, settlements};
use crate::openapi;

/// 500 orders, however long their texts.
const MAX_IMPORT_BYTES: usize = 2 * 1024 * 1024;

#[rustfmt::skip]
pub fn routes() -> Routes {
    Routes::new()
        .get("/api/products", products::list_products).optional()
        .get("/api/session", show_session).session()
        .get("/api/orders", orders::list_orders).session().scope("order:read")
        .post("/api/orders", orders::place_order).session().scope("order:write")
        .get("/api/orders/exports", exports::list_exports).session().scope("order:read")
        .post("/api/orders/exports", exports::request_export).session().scope("order:read").scope("file:read").scope("file:write")
        .get("/api/orders/exports/{id}", exports::find_export).session().scope("order:read")
        .get("/api/orders/{id}", orders::find_order).session().scope("order:read")
        .post("/api/orders/{id}/pay", changes::pay_order).session().scope("order:write")
        .post("/api/orders/{id}/cancel", changes::cancel_order).session().scope("order:write")
        .get("/api/orders/{id}/receipt", changes::find_receipt).session().scope("order:read")
        .post("/api/orders/{id}/settle", settlements::settle_order).session().scope("order:settle")
        .post("/internal/orders/import", imports::import_orders).session().scope("order:import")
            .path_data(json_config(MAX_IMPORT_BYTES))
        // Which companies there is work for: asked by a program on nobody's behalf.
        .get("/internal/settlements/companies", settlements::list_companies).scope("order:settle")
        .get("/internal/exports/companies", exports::list_companies).scope("order:export")
        .get("/internal/exports", exports::list_due).session().scope("order:export")
        .post("/internal/exports/{id}/finish", exports::finish_export).session().scope("order:export")
        .documented(openapi::document)
}
