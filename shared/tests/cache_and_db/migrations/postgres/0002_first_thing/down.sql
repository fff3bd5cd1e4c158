DELETE FROM things;
