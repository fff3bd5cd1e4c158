DROP TABLE quarantine;
DROP TABLE parts;
DROP TABLE runs;
