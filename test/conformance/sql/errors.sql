-- Errors with all their fields, where they stand in the text, and life after them.
\set VERBOSITY verbose
SELECT 1/0;
SELEC 1;
SELECT no_such_column FROM pg_class;
SELECT * FROM no_such_table;
SELECT 'abc'::int;
SELECT 'ünï', nö FROM pg_class;
\set VERBOSITY default
CREATE TEMP TABLE part (id int PRIMARY KEY, n int NOT NULL CHECK (n > 0));
INSERT INTO part VALUES (1, 1), (1, 2);
INSERT INTO part VALUES (2, NULL);
INSERT INTO part VALUES (2, -1);
DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = 'said', DETAIL = 'more', HINT = 'do', ERRCODE = 'ZZ999', COLUMN = 'c', TABLE = 't'; END $$;
DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'caught'; END $$;
-- An error in the middle of rows already on their way.
SELECT 100 / (5 - g) FROM generate_series(1, 9) AS g;
SELECT count(*), sum(1 / (20000 - g)) FROM generate_series(1, 30000) AS g;
-- A time limit, as every cancelled statement.
SET statement_timeout = 20;
SELECT pg_sleep(5);
RESET statement_timeout;
-- An empty statement, comments, and a semicolon of its own.
;
/* nothing */ -- at all
SELECT 'still here';
\errverbose
