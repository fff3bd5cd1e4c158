DROP TABLE loose_objects;
DROP TABLE files;
