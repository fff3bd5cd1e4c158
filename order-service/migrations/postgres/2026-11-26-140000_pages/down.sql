DROP INDEX orders_by_user;
DROP INDEX orders_by_status;
