INSERT INTO things (name) VALUES ('the first');
