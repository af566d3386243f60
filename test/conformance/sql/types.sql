-- Values of every kind as text and, by COPY, as binary.
SELECT NULL, true, false, 'a'::"char", 'abc'::char(5), 'abc'::varchar, ''::text, E'tab\there\nnew line' AS text;
SELECT 1::int2, -2147483648::int4, 9223372036854775807::int8, 1.5::float4, 'NaN'::float8, '-Infinity'::float8;
SELECT 12345678901234567890.123456789012345678901234567890::numeric, 'NaN'::numeric, 0.1::numeric(20,10);
SELECT date '2024-02-29', time '23:59:59.999999', timestamp 'infinity', timestamptz '2024-01-01 00:00:00+05:30';
SELECT interval '1 year -2 months 3 days 04:05:06.789', timetz '01:02:03+04';
SELECT '\x00ff10'::bytea, uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', inet '::1/64', cidr '10.0.0.0/8', macaddr '08:00:2b:01:02:03';
SELECT '{"b": 1, "a": [true, null]}'::json, '{"b": 1, "a": [true, null]}'::jsonb, '<a>b</a>' AS not_xml;
SELECT ARRAY[[1, 2], [3, NULL]], ARRAY['a,b', 'c"d', NULL, ''], '{}'::int[], '[2:3]={7,8}'::int[];
SELECT int4range(1, 10), numrange(NULL, 1.5, '[]'), 'empty'::daterange;
SELECT point(1, 2), box '(2,2),(0,0)', path '[(0,0),(1,1)]', B'10101', B'1'::varbit(9), money '1.23';
SELECT ROW(1, 'two', NULL, ROW(3.0)), (SELECT t FROM (VALUES (1, 'x')) AS t (a, b));
SELECT 'Grüße, 世界, 🐘' AS text, length('🐘'), 'é' = E'e\u0301' AS same;
SELECT repeat('x', 100000) AS long, md5(repeat('y', 1000000));
SELECT to_tsvector('simple', 'a fat cat') @@ to_tsquery('simple', 'cat'), 'pg_class'::regclass, 'int4'::regtype;
SELECT;
SELECT 1 AS same, 2 AS same, 3 AS "Ünï ""quoted""";
COPY (SELECT g::int2, g::int8, g::float8, g::text, g % 2 = 0, NULL::date FROM generate_series(1, 3) AS g) TO STDOUT (FORMAT csv, HEADER);
