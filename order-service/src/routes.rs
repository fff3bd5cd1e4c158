//! Every path, its method, its guard.

use actix_web::web::{ServiceConfig, get, post, resource, scope};
use shared::extractor::show_session;
use shared::reply::input::json_config;
use shared::{require_scope, require_session};

use crate::handlers::{imports, orders, products, settlements};

/// 500 orders, however long their texts.
const MAX_IMPORT_BYTES: usize = 2 * 1024 * 1024;

pub(crate) fn configure(app: &mut ServiceConfig) {
    app.service(resource("/api/products").route(get().to(products::list_products)))
        .service(resource("/api/session").wrap(require_session()).route(get().to(show_session)))
        .service(
            scope("/api/orders")
                .wrap(require_session())
                .service(
                    resource("")
                        .route(get().to(orders::list_orders).wrap(require_scope("order:read")))
                        .route(post().to(orders::place_order).wrap(require_scope("order:write"))),
                )
                .service(
                    resource("/{id}")
                        .route(get().to(orders::find_order).wrap(require_scope("order:read"))),
                )
                .service(
                    resource("/{id}/cancel")
                        .route(post().to(orders::cancel_order).wrap(require_scope("order:write"))),
                )
                .service(resource("/{id}/settle").route(
                    post().to(settlements::settle_order).wrap(require_scope("order:settle")),
                )),
        )
        .service(
            resource("/internal/orders/import")
                .app_data(json_config(MAX_IMPORT_BYTES))
                .wrap(require_scope("order:import"))
                .wrap(require_session())
                .route(post().to(imports::import_orders)),
        )
        .service(
            // Which companies there is work for: asked by a program on nobody's behalf.
            resource("/internal/settlements/companies")
                .wrap(require_scope("order:settle"))
                .route(get().to(settlements::list_companies)),
        );
}
