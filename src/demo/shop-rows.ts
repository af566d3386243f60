/**
 * The demo shop's rows: the same on every machine and every version of PostgreSQL, so they come from arithmetic
 * on row numbers, not from random(). Nobody in here exists: phone numbers are from ranges kept for fiction,
 * social security numbers from ranges never given out, card numbers begin like a test card's; card numbers and
 * IBANs have right check digits, so that detectors find them.
 */
const list = (...words: string[]): string =>
  `ARRAY[${words.map((word) => `'${word.replaceAll("'", "''")}'`).join(',')}]`;

const FIRST = list(
  ...['Emma', 'Liam', 'Sofía', 'Noah', 'Mia', 'Lucas', 'Hannah', 'Mateo', 'Chloé', 'Oliver', 'Freja', 'Hugo'],
  ...[
    'Giulia',
    'Elias',
    'Nora',
    'Leon',
    'Zoë',
    'Arthur',
    'Ines',
    'Felix',
    'Amelia',
    'Björn',
    'Clara',
    'Jonas',
    'Ida',
  ],
);
const LAST = list(
  ...[
    'Smith',
    'Müller',
    'García',
    'Dubois',
    'Rossi',
    'Janssen',
    'Andersson',
    'Brown',
    'Weber',
    'Moreau',
    'López',
  ],
  ...["O'Brien", 'Nielsen', 'Wagner', 'Bianchi', 'Taylor', 'de Vries', 'Schröder', 'Petit', 'Clark', 'Novák'],
);
const STREET = list(
  'Oak Street',
  'Lindenweg',
  'Rue des Lilas',
  'Calle Mayor',
  'Via Roma',
  'Kerkstraat',
  'Storgatan',
);
/** Country, city, phone prefix: kept together. */
const COUNTRY = list('US', 'DE', 'FR', 'GB', 'ES', 'NL', 'SE', 'IT');
const CITY = list('Portland', 'Leipzig', 'Nantes', 'Bristol', 'Sevilla', 'Utrecht', 'Malmö', 'Torino');
const PREFIX = list(
  '+1 503 555',
  '+49 341 555',
  '+33 2 99 55',
  '+44 1632 96',
  '+34 955 55',
  '+31 30 555',
  '+46 40 555',
  '+39 011 555',
);

const PRODUCTS = [
  ['Espresso machine', 'kitchen', 249, '{"colour": "steel", "watts": 1350, "tags": ["coffee", "gift"]}'],
  ['Burr grinder', 'kitchen', 89.5, '{"colour": "black", "tags": ["coffee"]}'],
  ['Cast iron pan', 'kitchen', 39.9, '{"diameter_cm": 28}'],
  ['Chef knife', 'kitchen', 74, '{"blade_cm": 20, "tags": ["gift"]}'],
  ['Kettle', 'kitchen', 45, '{"colour": "red", "litres": 1.7}'],
  ['Desk lamp', 'home', 59, '{"colour": "white", "watts": 9}'],
  ['Wool blanket', 'home', 79, '{"colour": "grey", "tags": ["gift"]}'],
  ['Bookshelf', 'home', 139, '{"material": "oak"}'],
  ['Alarm clock', 'home', 24.9, '{"colour": "black"}'],
  ['Picture frame', 'home', 14.5, '{"size": "A4"}'],
  ['Notebook', 'office', 9.9, '{"pages": 192, "ruled": true}'],
  ['Fountain pen', 'office', 64, '{"nib": "M", "tags": ["gift"]}'],
  ['Mechanical keyboard', 'office', 129, '{"layout": "ISO", "wireless": false}'],
  ['Monitor arm', 'office', 99, '{"max_kg": 8}'],
  ['Office chair', 'office', 329, '{"colour": "blue"}'],
  ['Tent', 'outdoor', 219, '{"persons": 2, "weight_kg": 1.9}'],
  ['Sleeping bag', 'outdoor', 149, '{"comfort_c": -2}'],
  ['Headlamp', 'outdoor', 34.9, '{"lumen": 400, "wireless": true}'],
  ['Hiking poles', 'outdoor', 54, '{"material": "carbon"}'],
  ['Water bottle', 'outdoor', 19.9, '{"litres": 0.75, "tags": ["gift"]}'],
] as const;

const productRows = PRODUCTS.map(
  ([name, category, price, attributes], i) =>
    `(${i + 1}, '${name}', '${category}', ${price}, '${attributes}', ${(i * 37) % 90})`,
).join(',\n  ');

/** Runs with search_path shop, on empty tables: 500 customers, 2,000 orders. */
export const SHOP_ROWS = `
SET search_path = shop;

INSERT INTO customers
SELECT n, first || ' ' || last,
       translate(lower(first || '.' || replace(last, ' ', '')), 'áéëíóöøüñ''', 'aeeiooou' || 'n') || n || '@example.'
         || (ARRAY['com', 'org', 'net'])[1 + n % 3],
       (${PREFIX})[place] || ' ' || lpad((n * 7 % 10000)::text, 4, '0'),
       date '1945-03-01' + n * 7919 % 21900,
       format('9%s-%s-%s', lpad((n % 100)::text, 2, '0'), 10 + n * 31 % 90, lpad((n * 271 % 10000)::text, 4, '0')),
       (${STREET})[1 + n % 7] || ' ' || 1 + n * 13 % 120, (${CITY})[place], (${COUNTRY})[place], n % 3 = 0,
       timestamptz '2023-01-01 08:00+00' + n * 104729 % 1400000 * interval '1 minute'
  FROM generate_series(1, 500) n,
       LATERAL (SELECT (${FIRST})[1 + n * 7 % 25] AS first, (${LAST})[1 + n * 11 % 21] AS last,
                       1 + (n * n + n / 3) % 8 AS place) who;

INSERT INTO products VALUES
  ${productRows};

INSERT INTO orders (id, customer_id, status, note, placed_at)
SELECT n, 1 + n * 7907 % 500,
       (CASE WHEN n > 1960 THEN (ARRAY['new', 'paid'])[1 + n % 2]
             WHEN n % 23 = 0 THEN 'cancelled' WHEN n % 31 = 0 THEN 'returned'
             WHEN n > 1900 THEN 'shipped' ELSE 'delivered' END)::order_status,
       CASE WHEN n % 40 = 0 THEN 'Please call ' || (${PREFIX})[1 + n % 8] || ' ' || lpad((n % 10000)::text, 4, '0') END,
       timestamptz '2024-01-02 06:00+00' + n * interval '8 hours 40 minutes' + n % 97 * interval '7 minutes'
  FROM generate_series(1, 2000) n;
SELECT setval(pg_get_serial_sequence('orders', 'id'), 2000);

INSERT INTO order_items
SELECT o.id, line, p.id, 1 + (o.id + line) % 3, p.price
  FROM orders o CROSS JOIN LATERAL generate_series(1, 1 + o.id % 4) line
  JOIN products p ON p.id = 1 + (o.id * 3 + line * 7) % ${PRODUCTS.length};

INSERT INTO payments
SELECT t.id, t.id, t.total,
       (CASE t.status WHEN 'returned' THEN 'refunded' WHEN 'cancelled' THEN 'failed'
                      WHEN 'paid' THEN 'authorized' ELSE 'captured' END)::payment_status,
       CASE WHEN t.id % 3 <> 0 THEN card || (10 - luhn) % 10 END,
       CASE WHEN t.id % 3 = 0 THEN 'DE' || lpad((98 - (bban || '131400')::numeric % 97)::text, 2, '0') || bban END,
       t.placed_at + interval '90 seconds'
  FROM order_totals t,
       LATERAL (SELECT '42424242' || lpad((t.id::bigint * 7654321 % 10000000)::text, 7, '0') AS card,
                       '37040044' || lpad((t.customer_id::bigint * 8675309 % 10000000000)::text, 10, '0') AS bban) n,
       LATERAL (SELECT sum(CASE WHEN i % 2 = 0 THEN d ELSE d * 2 - CASE WHEN d > 4 THEN 9 ELSE 0 END END)::int % 10 AS luhn
                  FROM generate_series(1, 15) i, LATERAL (SELECT substr(card, i, 1)::int AS d) digit) sums
 WHERE t.status <> 'new';

INSERT INTO employees
SELECT n, (${FIRST})[1 + n * 3 % 25] || ' ' || (${LAST})[1 + n * 5 % 21], format('e%s@shop.example', n),
       CASE WHEN n = 1 THEN 'Managing director' WHEN n < 6 THEN (ARRAY['Head of sales', 'Head of support', 'Head of IT', 'Head of warehouse'])[n - 1]
            ELSE (ARRAY['Sales clerk', 'Support agent', 'Engineer', 'Warehouse clerk'])[1 + (n - 2) % 4] END,
       CASE WHEN n = 1 THEN 145000 WHEN n < 6 THEN 92000 + n * 1500 ELSE 38000 + n * 733 % 24000 END,
       CASE WHEN n = 1 THEN NULL WHEN n < 6 THEN 1 ELSE 2 + (n - 2) % 4 END, date '2012-05-01' + n * 97
  FROM generate_series(1, 40) n;

REFRESH MATERIALIZED VIEW monthly_revenue;
ANALYZE;
`;
