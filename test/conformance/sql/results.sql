-- Several results to one message, and none.
SELECT 1 \; SELECT 2, 'two' \; SELECT 3 WHERE false;
CREATE TEMP TABLE many (id int) \; INSERT INTO many SELECT generate_series(1, 5) \; SELECT sum(id) FROM many;
SELECT 'first' \; SELECT 1/0 \; SELECT 'never';
INSERT INTO many VALUES (6) RETURNING id, id * 2 AS double;
UPDATE many SET id = id + 10 WHERE id > 4 RETURNING *;
DELETE FROM many WHERE id > 10;
SELECT * FROM many ORDER BY id;
VALUES (1, 'a'), (2, 'b');
TABLE many LIMIT 2;
EXPLAIN (COSTS off) SELECT * FROM many WHERE id = 1;
SHOW server_encoding;
-- Commands made from rows, variables from columns, the same text again.
SELECT format('SELECT %s AS answer', g) FROM generate_series(1, 3) AS g \gexec
SELECT 42 AS answer, 'x' AS letter \gset
\echo :answer :letter
SELECT :answer;
\g
SELECT i, j FROM generate_series(1, 2) AS i, generate_series(1, 2) AS j ORDER BY i, j \crosstabview i j j
SELECT 1 AS a, NULL AS b \gdesc
\pset format unaligned
\pset null '(null)'
SELECT NULL, '' AS empty, g FROM generate_series(1, 2) AS g;
\x on
SELECT 'wide' AS one, 'row' AS two;
