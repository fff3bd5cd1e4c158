DROP INDEX revocations_by_target;
DROP TABLE handoffs;
ALTER TABLE clients DROP COLUMN takes_over;
ALTER TABLE clients DROP COLUMN hands_on;
