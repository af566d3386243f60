-- Transactions that end well, badly, and in parts; what each statement answers in a failed one.
CREATE TEMP TABLE account (id int PRIMARY KEY, balance int CHECK (balance >= 0));
INSERT INTO account VALUES (1, 100), (2, 50);
BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE;
SHOW transaction_isolation;
UPDATE account SET balance = balance - 60 WHERE id = 1;
SAVEPOINT before;
UPDATE account SET balance = balance - 60 WHERE id = 1;
SELECT 'refused until rolled back';
ROLLBACK TO before;
RELEASE before;
COMMIT;
SELECT * FROM account ORDER BY id;
BEGIN;
SELECT 1/0;
COMMIT;
BEGIN READ ONLY;
DELETE FROM account;
ROLLBACK AND CHAIN;
SHOW transaction_read_only;
COMMIT;
CREATE TEMP TABLE later (id int UNIQUE DEFERRABLE INITIALLY DEFERRED);
BEGIN;
INSERT INTO later VALUES (1), (1);
SELECT count(*) FROM later;
COMMIT;
SELECT count(*) FROM later;
\set ON_ERROR_ROLLBACK on
BEGIN;
INSERT INTO later VALUES (1);
SELECT no_such_column;
INSERT INTO later VALUES (2);
COMMIT;
SELECT * FROM later ORDER BY id;
\set AUTOCOMMIT off
INSERT INTO later VALUES (3);
ROLLBACK;
SELECT count(*) FROM later;
COMMIT;
\set AUTOCOMMIT on
DO $$ BEGIN INSERT INTO later VALUES (4); COMMIT; INSERT INTO later VALUES (5); ROLLBACK; END $$;
SELECT max(id) FROM later;
