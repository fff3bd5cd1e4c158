//! What the routes do, in words for whoever writes a client.

use std::borrow::Cow;

use shared::openapi::{Document, Operation, one_of, uuid};
use shared::reply::codes::{IDEMPOTENCY_KEY_REUSED, TOO_MANY_REQUESTS, UNAVAILABLE, VALIDATION};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::domain::order::{Direction, OrderStatus};
use crate::handlers::exports::ExportView;
use crate::handlers::orders::OrderView;
use crate::handlers::{changes, exports, imports, orders, products, settlements};
use crate::reply::{NO_SUCH_EXPORT, NO_SUCH_ORDER, NOT_HANDED_ON, WRONG_STATE};

const ETAG: (&str, &str) = ("ETag", "The order's version, for `If-Match`.");

/// The document of this service.
pub fn document() -> Document {
    Document::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        "Products, and the orders of companies. A session sees the orders of its company and of no other.",
    )
    .group(("Products", "The catalogue."), products())
    .group(("Orders", "The orders of the caller's company."), orders())
    .group(("Exports", "Orders of the caller as a file, made later in his name."), exports())
    .group(("Session", "Who is calling."), [Operation::show_session()])
    .group(("Internal", "For the batch, and for nobody else."), internal())
}

fn products() -> [Operation; 1] {
    [Operation::get("/api/products", products::list_products)
        .named("listProducts", "List the products")
        .about("Everybody sees names and list prices; a session also sees what its company pays.")
        .gives(200, "The first 1,000 products by name.")
        .fails(&[&UNAVAILABLE])]
}

fn orders() -> [Operation; 6] {
    [
        Operation::get("/api/orders", orders::list_orders)
            .named("listOrders", "List orders, page by page")
            .gives(200, "A page of orders.")
            .fails(&[&UNAVAILABLE]),
        Operation::post("/api/orders", orders::place_order)
            .named("placeOrder", "Place an order")
            .about("It costs what the products cost now: the company's own prices, or list prices.")
            .gives_data::<OrderView>(201, "The order.")
            .with(ETAG.0, ETAG.1)
            .fails(&[&VALIDATION, &UNAVAILABLE]),
        of_order(Operation::get("/api/orders/{id}", orders::find_order))
            .named("findOrder", "Find an order")
            .gives(200, "The order.")
            .with(ETAG.0, ETAG.1),
        change(Operation::post("/api/orders/{id}/pay", changes::pay_order))
            .named("payOrder", "Pay an order")
            .about("file-service gets a receipt soon afterwards, on behalf of whoever pays."),
        change(Operation::post("/api/orders/{id}/cancel", changes::cancel_order))
            .named("cancelOrder", "Cancel an order that is not settled"),
        of_order(Operation::get("/api/orders/{id}/receipt", changes::find_receipt))
            .named("findReceipt", "Find the receipt of an order")
            .gives(200, "How far the receipt is, and which file it is."),
    ]
}

fn exports() -> [Operation; 3] {
    [
        Operation::post("/api/orders/exports", exports::request_export)
            .named("requestExport", "Ask for the caller's orders as a file")
            .about("It is made by the batch, in the caller's name and after this request: his session is handed on for that and nothing else. A logout ends it, unless `outlivesLogout` is said; so does the caller on his account page.")
            .gives_data::<ExportView>(202, "The export.")
            .fails(&[&VALIDATION, &NOT_HANDED_ON, &TOO_MANY_REQUESTS, &UNAVAILABLE]),
        Operation::get("/api/orders/exports", exports::list_exports)
            .named("listExports", "List the caller's exports, the newest first")
            .gives(200, "A page of exports.")
            .fails(&[&UNAVAILABLE]),
        of_export(Operation::get("/api/orders/exports/{id}", exports::find_export))
            .named("findExport", "Find an export")
            .gives(200, "How far it is, and which file it is."),
    ]
}

fn of_export(operation: Operation) -> Operation {
    operation.part(("id", "The export."), uuid()).fails(&[&NO_SUCH_EXPORT, &UNAVAILABLE])
}

fn internal() -> [Operation; 6] {
    [
        change(Operation::post("/api/orders/{id}/settle", settlements::settle_order))
            .named("settleOrder", "Settle a paid order on a statement")
            .about(
                "The key is kept with the order: sent again at any time, it is answered as before.",
            )
            .required_header(
                "Idempotency-Key",
                "The request's name: 1 to 255 visible ASCII characters.",
            )
            .fails(&[&IDEMPOTENCY_KEY_REUSED]),
        Operation::post("/internal/orders/import", imports::import_orders)
            .named("importOrders", "Import paid orders")
            .about("An order is known by its number: what was imported before stays as it is.")
            .gives(200, "What became of each row, in the order of the request.")
            .fails(&[&VALIDATION, &UNAVAILABLE]),
        Operation::get("/internal/settlements/companies", settlements::list_companies)
            .named("listCompaniesToSettle", "List the companies with orders to settle")
            .about("Either a day, or a stretch of time.")
            .gives(200, "The companies.")
            .fails(&[&UNAVAILABLE]),
        Operation::get("/internal/exports/companies", exports::list_companies)
            .named("listCompaniesToExport", "List the companies with exports to make")
            .gives(200, "The companies.")
            .fails(&[&UNAVAILABLE]),
        Operation::get("/internal/exports", exports::list_due)
            .named("listExportsToMake", "List the exports of a company that are to be made")
            .gives(200, "A page of exports, each with what was handed on for it.")
            .fails(&[&UNAVAILABLE]),
        of_export(Operation::post("/internal/exports/{id}/finish", exports::finish_export))
            .named("finishExport", "Say how an export has ended")
            .about("The first end counts, whatever is said afterwards.")
            .gives(200, "The export as it has ended.")
            .fails(&[&VALIDATION]),
    ]
}

fn of_order(operation: Operation) -> Operation {
    operation.part(("id", "The order."), uuid()).fails(&[&NO_SUCH_ORDER, &UNAVAILABLE])
}

fn change(operation: Operation) -> Operation {
    of_order(operation)
        .gives_data::<OrderView>(200, "The order as it is now.")
        .with(ETAG.0, ETAG.1)
        .fails(&[&WRONG_STATE])
}

/// The names that the domain knows.
impl PartialSchema for OrderStatus {
    fn schema() -> RefOr<Schema> {
        let what = "PENDING becomes PAID or CANCELLED, PAID becomes SETTLED or CANCELLED.";
        one_of(Self::ALL.map(Self::name)).description(Some(what)).into()
    }
}

impl ToSchema for OrderStatus {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("OrderStatus")
    }
}

impl PartialSchema for Direction {
    fn schema() -> RefOr<Schema> {
        one_of(["oldest", "newest"]).into()
    }
}

impl ToSchema for Direction {}
