//! How orders are read inside a transaction: macros, since each is compiled for both databases.

/// The orders of these rows, each with its items.
macro_rules! with_items {
    ($conn:ident, $tenant:expr, $rows:expr) => {{
        let rows: Vec<OrderRow> = $rows;
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let items: Vec<ItemRow> = order_items::table
            .filter(order_items::company_id.eq($tenant.company_id().get()))
            .filter(order_items::order_id.eq_any(&ids))
            .order((order_items::order_id.asc(), order_items::line.asc()))
            .select(ItemRow::as_select())
            .load($conn)
            .await?;
        orders_of(rows, items)
    }};
}

/// The order of this id, if the company has it.
macro_rules! find_order {
    ($conn:ident, $tenant:expr, $id:expr) => {{
        let rows: Vec<(OrderRow, ItemRow)> = orders::table
            .inner_join(order_items::table.on(order_items::order_id.eq(orders::id)))
            .filter(orders::company_id.eq($tenant.company_id().get()))
            .filter(orders::id.eq($id.to_string()))
            .order(order_items::line.asc())
            .select((OrderRow::as_select(), ItemRow::as_select()))
            .load($conn)
            .await?;
        orders_with_items(rows).map(|mut orders| orders.pop())
    }};
}

/// These products, with the company's own prices where it has any.
macro_rules! find_prices {
    ($conn:ident, $tenant:expr, $ids:expr) => {{
        let own = company_prices::product_id
            .eq(products::id)
            .and(company_prices::company_id.eq($tenant.company_id().get()));
        let rows: Vec<(ProductRow, Option<PriceRow>)> = products::table
            .left_join(company_prices::table.on(own))
            .filter(products::id.eq_any($ids))
            .select((ProductRow::as_select(), Option::<PriceRow>::as_select()))
            .load($conn)
            .await?;
        rows
    }};
}

pub(super) use {find_order, find_prices, with_items};
