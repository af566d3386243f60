-- COPY both ways, text, CSV and binary, well and badly.
CREATE TEMP TABLE loaded (id int, name text, at date);
COPY loaded FROM STDIN;
1	one	2024-01-01
2	two\twith tab	\N
3	\\.	2024-02-29
\.
COPY loaded FROM STDIN (FORMAT csv, HEADER, NULL 'nil');
id,name,at
4,"a, ""quoted""
line",nil
5,,2024-03-01
\.
SELECT * FROM loaded ORDER BY id;
COPY loaded TO STDOUT;
COPY (SELECT id, name FROM loaded ORDER BY id DESC) TO STDOUT (FORMAT csv, FORCE_QUOTE *);
-- Refused in the middle: nothing stays.
COPY loaded FROM STDIN;
6	six	2024-01-01
seven	seven	2024-01-01
8	eight	2024-01-01
\.
COPY loaded FROM STDIN;
9	too	2024-01-01	many
\.
COPY no_such_table FROM STDIN;
SELECT count(*) FROM loaded;
-- Nothing at all.
COPY loaded FROM STDIN;
\.
COPY (SELECT WHERE false) TO STDOUT;
-- COPY that fails on its way out.
COPY (SELECT 10 / (3 - g) FROM generate_series(1, 5) AS g) TO STDOUT;
-- Through the client's files.
\set folder `mktemp -d`
\set file :folder '/rows'
COPY (SELECT g, repeat('x', g % 50) FROM generate_series(1, 20000) AS g) TO STDOUT \g :file
CREATE TEMP TABLE back (id int, name text);
\set command '\\copy back FROM ' :'file'
:command
SELECT count(*), sum(id), sum(length(name)) FROM back;
-- COPY between other statements of one message.
SELECT 'before' \; COPY (VALUES (1), (2)) TO STDOUT \; SELECT 'after';
\setenv FOLDER :folder
\! rm -r "$FOLDER"
