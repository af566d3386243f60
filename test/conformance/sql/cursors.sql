-- Portals: row by row, both directions, across transactions, and psql's own FETCH_COUNT.
BEGIN;
DECLARE walk SCROLL CURSOR FOR SELECT g, g * g AS square FROM generate_series(1, 10) AS g;
FETCH 3 FROM walk;
FETCH PRIOR FROM walk;
FETCH ABSOLUTE 9 FROM walk;
MOVE FORWARD ALL IN walk;
FETCH BACKWARD 2 FROM walk;
FETCH 0 FROM walk;
CLOSE walk;
FETCH 1 FROM walk;
ROLLBACK;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT generate_series(1, 3);
COMMIT;
FETCH ALL FROM held;
SELECT name, is_holdable, is_scrollable FROM pg_cursors;
CLOSE ALL;
DECLARE outside CURSOR FOR SELECT 1;
CREATE TEMP TABLE changed AS SELECT g AS id FROM generate_series(1, 4) AS g;
BEGIN;
DECLARE each CURSOR FOR SELECT id FROM changed ORDER BY id FOR UPDATE;
FETCH 2 FROM each;
UPDATE changed SET id = id + 100 WHERE CURRENT OF each;
COMMIT;
SELECT id FROM changed ORDER BY id;
\set FETCH_COUNT 7
SELECT g, repeat('-', g % 5) AS line FROM generate_series(1, 40) AS g;
SELECT 10 / (12 - g) FROM generate_series(1, 20) AS g;
\unset FETCH_COUNT
PREPARE twice (int, text) AS SELECT $1 * 2, $2 || $2;
EXECUTE twice (21, 'ab');
EXECUTE twice ('x', 'y');
DEALLOCATE twice;
EXECUTE twice (1, 'b');
