DROP TABLE login_eras;
DROP TABLE login_attempts;
DROP TABLE login_counts;
DROP TABLE logins;
