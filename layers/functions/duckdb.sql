-- DuckDB as GoogleSQL: settings, types and functions that give GoogleSQL's names their meaning.
-- What cannot be spelled alike in all engines is a function in the schema `udf`.

set default_null_order = 'nulls_first_on_asc_last_on_desc';

create schema if not exists udf;
-- What only the macros below use.
create schema if not exists engine;

-- The quotient rounded down, also of negative numbers.
create or replace macro udf.floor_div(a, b) as (a - ((a % b) + b) % b) // b;

-- The characters of Unicode's property White_Space.
create or replace macro engine.white_space() as array_to_string(list_transform([
  9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201,
  8202, 8232, 8233, 8239, 8287, 12288
], lambda code: system.main.chr(code)), '');

-- A JSON document without blanks, of which each text, number and word is a text: `k`, and what is
-- written in hexadecimal. So a part of it can be taken out, and nothing of it is written anew.
create or replace macro engine.json_coded(body) as array_to_string(list_transform(
  system.main.regexp_extract_all(body, '"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"\s]+'),
  lambda part: if(
    part in ('{', '}', '[', ']', ':', ','), part, '"k' || lower(hex(part)) || '"'
  )
), '');
create or replace macro engine.json_decoded(coded) as array_to_string(list_transform(
  system.main.regexp_extract_all(coded, '"[^"]*"|[^"]+'),
  lambda part: if(starts_with(part, '"'), decode(unhex(part[3:-2])), part)
), '');
-- The texts of the objects and arrays at these places of the coded document; NULL for other things.
create or replace macro engine.json_wholes(body, places) as list_transform(
  json_extract(engine.json_coded(body), places),
  lambda part: if(
    json_type(part) in ('OBJECT', 'ARRAY'), engine.json_decoded(cast(part as varchar)), null
  )
);

-- GoogleSQL's types by their names.
create type if not exists float64 as double;
create type if not exists bytes as blob;

-- GoogleSQL's own functions. `system.main` is DuckDB's function of the same name.

-- Conditions and numbers. Where GoogleSQL has an error, so has DuckDB: a quiet value would differ.
create or replace macro greatest
  (a, b) as if(a is null or b is null, null, system.main.greatest(a, b)),
  (a, b, c) as if(a is null or b is null or c is null, null, system.main.greatest(a, b, c)),
  (a, b, c, d) as
    if(a is null or b is null or c is null or d is null, null, system.main.greatest(a, b, c, d));
-- The least of numbers of which one is NaN is NaN, which DuckDB sorts last.
create or replace macro engine.is_nan(x) as
  typeof(x) in ('DOUBLE', 'FLOAT') and cast(x as varchar) = 'nan';
create or replace macro least
  (a, b) as case
    when a is null or b is null then null
    when engine.is_nan(a) then a
    when engine.is_nan(b) then b
    else system.main.least(a, b)
  end,
  (a, b, c) as if(c is null, null, least(least(a, b), c)),
  (a, b, c, d) as if(d is null, null, least(least(least(a, b), c), d));
create or replace macro div(a, b) as
  if(b = 0 and a is not null, error('division by zero'), a // b);
create or replace macro mod(a, b) as
  case when b = 0 and a is not null then error('division by zero') when b = -1 then a - a else a % b end;
create or replace macro ieee_divide(a, b) as cast(a as double) / cast(b as double);
create or replace macro safe_divide(a, b) as if(
  b = 0 or (isinf(ieee_divide(a, b)) and not isinf(cast(a as double))), null, ieee_divide(a, b)
);
create or replace macro safe_add(a, b) as try(cast(a as bigint) + cast(b as bigint));
create or replace macro safe_subtract(a, b) as try(cast(a as bigint) - cast(b as bigint));
create or replace macro safe_multiply(a, b) as try(cast(a as bigint) * cast(b as bigint));
create or replace macro safe_negate(a) as try(-cast(a as bigint));
create or replace macro bit_count(x) as system.main.bit_count(cast(x as bigint));
create or replace macro is_nan(x) as isnan(cast(x as double));
create or replace macro is_inf(x) as isinf(cast(x as double));
create or replace macro round
  (x) as system.main.round(cast(x as double)),
  (x, places) as system.main.round(cast(x as double), cast(places as integer));
create or replace macro trunc(x) as system.main.trunc(cast(x as double));
create or replace macro ceil(x) as system.main.ceil(cast(x as double));
create or replace macro ceiling(x) as system.main.ceil(cast(x as double));
create or replace macro floor(x) as system.main.floor(cast(x as double));
create or replace macro exp(x) as
  if(isinf(system.main.exp(x)) and not isinf(x), error('out of range: exp'), system.main.exp(x));
create or replace macro pow(x, y) as if(
  not isfinite(system.main.pow(x, y)) and isfinite(x) and isfinite(y),
  error('out of range: pow'), system.main.pow(x, y)
);
create or replace macro power(x, y) as pow(x, y);
create or replace macro log
  (x) as ln(x),
  (x, base) as case
    when x is null or base is null then null
    when base = 1 then error('out of range: log')
    else ln(x) / ln(base)
  end;

-- Text.
create or replace macro concat
  (a) as a,
  (a, b) as a || b,
  (a, b, c) as a || b || c,
  (a, b, c, d) as a || b || c || d,
  (a, b, c, d, e) as a || b || c || d || e,
  (a, b, c, d, e, f) as a || b || c || d || e || f,
  (a, b, c, d, e, f, g) as a || b || c || d || e || f || g,
  (a, b, c, d, e, f, g, h) as a || b || c || d || e || f || g || h;
create or replace macro substr
  (s, start) as system.main.substr(s, if(start = 0, 1, if(start < -length(s), 1, start))),
  (s, start, size) as
    system.main.substr(s, if(start = 0, 1, if(start < -length(s), 1, start)), size);
create or replace macro substring
  (s, start) as substr(s, start),
  (s, start, size) as substr(s, start, size);
-- What GoogleSQL calls white space: DuckDB takes only the blank.
create or replace macro trim
  (s) as system.main.trim(s, engine.white_space()),
  (s, characters) as system.main.trim(s, characters);
create or replace macro ltrim
  (s) as system.main.ltrim(s, engine.white_space()),
  (s, characters) as system.main.ltrim(s, characters);
create or replace macro rtrim
  (s) as system.main.rtrim(s, engine.white_space()),
  (s, characters) as system.main.rtrim(s, characters);
create or replace macro byte_length(s) as strlen(s);
create or replace macro chr(i) as system.main.chr(cast(i as integer));
create or replace macro unicode(s) as if(s = '', 0, system.main.unicode(s));
create or replace macro lpad
  (s, size) as system.main.lpad(s, cast(size as integer), ' '),
  (s, size, fill) as system.main.lpad(s, cast(size as integer), fill);
create or replace macro rpad
  (s, size) as system.main.rpad(s, cast(size as integer), ' '),
  (s, size, fill) as system.main.rpad(s, cast(size as integer), fill);
create or replace macro normalize(s) as nfc_normalize(s);
create or replace macro reverse(s) as
  array_to_string(list_reverse(string_split(s, '')), '');

-- Bytes and hashes: GoogleSQL's hashes are bytes.
create or replace macro to_hex(b) as lower(hex(b));
create or replace macro md5(x) as unhex(system.main.md5(x));
create or replace macro sha1(x) as unhex(system.main.sha1(x));
create or replace macro sha256(x) as unhex(system.main.sha256(x));

-- Regular expressions: RE2 in both. Only a pattern with a group has a first group.
create or replace macro regexp_contains(s, pattern) as regexp_matches(s, pattern);
create or replace macro regexp_extract(s, pattern) as case
  when not regexp_matches(s, pattern) then null
  when regexp_matches(pattern, '[(]([^?]|$)') then system.main.regexp_extract(s, pattern, 1)
  else system.main.regexp_extract(s, pattern, 0)
end;
create or replace macro regexp_substr(s, pattern) as regexp_extract(s, pattern);
create or replace macro regexp_extract_all(s, pattern) as if(
  regexp_matches(pattern, '[(]([^?]|$)'),
  system.main.regexp_extract_all(s, pattern, 1),
  system.main.regexp_extract_all(s, pattern, 0)
);
create or replace macro regexp_replace(s, pattern, replacement) as
  system.main.regexp_replace(s, pattern, replacement, 'g');

-- Dates and timestamps.
create or replace macro date_add(d, i) as cast(d + i as date);
create or replace macro date_sub(d, i) as cast(d - i as date);
create or replace macro unix_date(d) as datediff('day', date '1970-01-01', d);
create or replace macro date_from_unix_date(n) as date '1970-01-01' + cast(n as integer);
create or replace macro format_date(format, d) as strftime(d, format);
create or replace macro format_timestamp(format, t) as strftime(t, format);
create or replace macro timestamp_add(t, i) as t + i;
create or replace macro timestamp_sub(t, i) as t - i;
create or replace macro unix_micros(t) as epoch_us(t);
create or replace macro unix_millis(t) as udf.floor_div(epoch_us(t), 1000);
create or replace macro unix_seconds(t) as udf.floor_div(epoch_us(t), 1000000);
create or replace macro timestamp_micros(i) as make_timestamp(cast(i as bigint));
create or replace macro timestamp_millis(i) as make_timestamp(cast(i as bigint) * 1000);
create or replace macro timestamp_seconds(i) as make_timestamp(cast(i as bigint) * 1000000);

-- JSON.
-- No `try` here: DuckDB computes a part of its argument that stands there twice outside of it.
create or replace macro json_value(document, path) as if(
  json_type(try_cast(document as json), path) in ('OBJECT', 'ARRAY'), null,
  json_extract_string(try_cast(document as json), path)
);
create or replace macro json_extract_scalar(document, path) as json_value(document, path);
create or replace macro json_value_array(document, path) as try(if(
  json_type(document, path) = 'ARRAY' and not list_contains(
    list_transform(
      cast(json_extract(document, path) as json[]), lambda e: json_type(e) in ('OBJECT', 'ARRAY')
    ),
    true
  ),
  cast(json_extract(document, path) as varchar[]), null
));

-- Arrays. `a[safe_offset(0)]` is the first element.
create or replace macro array_concat
  (a) as a,
  (a, b) as if(a is null or b is null, null, list_concat(a, b)),
  (a, b, c) as if(a is null or b is null or c is null, null, list_concat(list_concat(a, b), c)),
  (a, b, c, d) as if(a is null or b is null or c is null or d is null, null,
    list_concat(list_concat(list_concat(a, b), c), d));
create or replace macro array_to_string(a, delimiter) as
  if(delimiter is null, null, system.main.array_to_string(a, delimiter));
create or replace macro array_reverse(a) as list_reverse(a);
create or replace macro generate_array
  (a, b) as generate_series(cast(a as bigint), cast(b as bigint)),
  (a, b, step) as generate_series(cast(a as bigint), cast(b as bigint), cast(step as bigint));
create or replace macro generate_date_array(a, b) as
  cast(generate_series(a, b, interval 1 day) as date[]);
create or replace macro safe_ordinal(i) as if(i < 1, null, i);
create or replace macro safe_offset(i) as if(i < 0, null, i + 1);

-- Aggregates.
-- DuckDB's `countif` is NULL where GoogleSQL's is 0.
create or replace macro countif(x) as count(case when x then true end);
create or replace macro corr(x, y) as if(regr_count(x, y) < 2, null, system.main.corr(x, y));
create or replace macro logical_and(x) as bool_and(x);
create or replace macro logical_or(x) as bool_or(x);

-- From here on: what cannot be spelled alike.

-- Text of bytes; NULL if they are not UTF-8.
create or replace macro udf.safe_string(bytes) as try(decode(bytes));

-- An integer in decimal digits, as GoogleSQL casts it; NULL for anything else.
create or replace macro udf.safe_int64(s) as
  if(regexp_full_match(s, '[+-]?[0-9]{1,19}'), try_cast(s as bigint), null);

create or replace macro udf.safe_bool(s) as
  if(lower(s) = 'true', true, if(lower(s) = 'false', false, null));

-- An instant in UTC such as `2026-01-05T10:00:00.123456Z`, between 1900 and 2099; NULL for anything
-- else. Other offsets are refused: engines do not read them alike.
create or replace macro udf.safe_timestamp(s) as
  if(regexp_full_match(s, '(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?Z'),
     try_cast(replace(rtrim(s, 'Z'), 'T', ' ') as timestamp), null);

-- Hash keys and hash differences: MD5 in hexadecimal. Parts are told apart by their lengths, and a
-- NULL from an empty text, so that no two tuples share a key. One name for each count of parts:
-- BigQuery's functions have no overloads.
create or replace macro udf.hash_part(s) as ifnull(cast(length(s) as varchar) || ':' || s, '-');
create or replace macro udf.hash_key(a) as system.main.md5(udf.hash_part(a));
create or replace macro udf.hash_key_2(a, b) as system.main.md5(udf.hash_part(a) || udf.hash_part(b));
create or replace macro udf.hash_key_3(a, b, c) as
  system.main.md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c));
create or replace macro udf.hash_key_4(a, b, c, d) as
  system.main.md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d));
create or replace macro udf.hash_key_5(a, b, c, d, e) as
  system.main.md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d)
    || udf.hash_part(e));
create or replace macro udf.hash_key_7(a, b, c, d, e, f, g) as
  system.main.md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d)
    || udf.hash_part(e) || udf.hash_part(f) || udf.hash_part(g));
create or replace macro udf.hash_key_9(a, b, c, d, e, f, g, h, i) as
  system.main.md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d)
    || udf.hash_part(e) || udf.hash_part(f) || udf.hash_part(g) || udf.hash_part(h)
    || udf.hash_part(i));

-- The member of a dimension that stands for what is not known.
create or replace macro udf.unknown_key() as '00000000000000000000000000000000';

-- The hash key of a business key, and the unknown member's where there is none.
create or replace macro udf.key_or_unknown(s) as
  if(ifnull(s, '') = '', udf.unknown_key(), udf.hash_key(s));

-- An amount in micros at a rate in micros, cut off to whole micros: exact, and wide enough for sums.
create or replace macro udf.at_rate(amount_micros, rate_micros) as
  cast(cast(amount_micros as hugeint) * rate_micros // 1000000 as bigint);

-- The hash of what a JSON document says: of its keys in an order of their own, without blanks, its
-- texts without escapes. Objects without objects within become one text after the other, from the
-- inside out; what is nested more than eight deep counts as it is written. Where a key stands twice
-- the order is kept: it says which of them counts.
create or replace macro engine.json_unescaped(part) as
  if(
    contains(part, system.main.chr(92)),
    ifnull('"' || json_extract_string(try_cast(part as json), '$') || '"', part), part
  );
create or replace macro engine.json_tokens(body) as array_to_string(list_transform(
  system.main.regexp_extract_all(body, '"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"\s]+'),
  lambda part: if(
    part in ('{', '}', '[', ']', ':', ','), part,
    '"k' || lower(hex(engine.json_unescaped(part))) || '"'
  )
), '');
create or replace macro engine.json_sorted(members) as array_to_string(if(
  list_unique(list_transform(members, lambda member: split_part(member, ':', 1))) = len(members),
  list_sort(members), members
), ',');
create or replace macro engine.json_folded(document) as array_to_string(list_transform(
  system.main.regexp_extract_all(
    document, '[{][^][{}]*[}]|[[][^][{}]*[]]|[^][{}]+|[][{}]'
  ),
  lambda part: case
    when starts_with(part, '{') and length(part) > 1
      then '"o' || system.main.md5(engine.json_sorted(string_split(part[2:-2], ','))) || '"'
    when starts_with(part, '[') and length(part) > 1 then '"a' || system.main.md5(part) || '"'
    else part
  end
), '');
-- One round after the other: a macro in a macro in a macro takes seconds to be bound.
create or replace macro udf.hash_json(s) as (
  with
  tokens as (select engine.json_tokens(s) as document),
  round_1 as (select engine.json_folded(document) as document from tokens),
  round_2 as (select engine.json_folded(document) as document from round_1),
  round_3 as (select engine.json_folded(document) as document from round_2),
  round_4 as (select engine.json_folded(document) as document from round_3),
  round_5 as (select engine.json_folded(document) as document from round_4),
  round_6 as (select engine.json_folded(document) as document from round_5),
  round_7 as (select engine.json_folded(document) as document from round_6),
  round_8 as (select engine.json_folded(document) as document from round_7)
  select system.main.md5(document) from round_8
);

-- Whole days from one date to another.
create or replace macro udf.days_between(a, b) as date_diff('day', a, b);

-- The ISO week, 1 to 53: engines call this part of a date by different names.
create or replace macro udf.iso_week(d) as weekofyear(d);

-- A double in decimal digits; NULL for anything else, also for what is too large for one.
create or replace macro udf.safe_float64(s) as
  if(regexp_full_match(s, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?')
       and isfinite(try_cast(s as double)),
     try_cast(s as double), null);

-- Minutes of an offset such as `+02:00`, `-0530` or `+02`; 0 if there is none.
create or replace macro udf.offset_minutes(s) as
  ifnull(if(s[1] = '-', -1, 1)
    * (60 * try_cast(s[2:3] as bigint) + ifnull(try_cast(replace(s[4:], ':', '') as bigint), 0)), 0);

-- An instant in any of the forms of ISO 8601 that people send: a date alone, `T` or a space before
-- the time, an offset such as `+02:00` (without one it is UTC); NULL for anything else.
create or replace macro udf.safe_iso_timestamp(s) as
  if(regexp_full_match(s, '(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?)?'),
     try_cast(replace(system.main.regexp_extract(s, '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?'), 'T', ' ') as timestamp)
       - to_minutes(udf.offset_minutes(system.main.regexp_extract(s, '[T ][0-9:.]+ ?([+-][0-9]{2}:?([0-9]{2})?)$', 1))),
     null);

-- An instant as a number of seconds, milliseconds or microseconds since 1970, perhaps with decimals;
-- NULL for anything else.
create or replace macro udf.safe_epoch_seconds(s) as
  if(regexp_full_match(s, '[0-9]{1,10}([.][0-9]+)?'),
     make_timestamp(cast(system.main.trunc(try_cast(s as decimal(38, 9)) * 1000000) as bigint)), null);
create or replace macro udf.safe_epoch_millis(s) as
  if(regexp_full_match(s, '[0-9]{1,13}([.][0-9]+)?'),
     make_timestamp(cast(system.main.trunc(try_cast(s as decimal(38, 9)) * 1000) as bigint)), null);
create or replace macro udf.safe_epoch_micros(s) as
  if(regexp_full_match(s, '[0-9]{1,16}([.][0-9]+)?'),
     make_timestamp(cast(system.main.trunc(try_cast(s as decimal(38, 9))) as bigint)), null);

-- Parts of dates that GoogleSQL spells with a keyword. Weeks begin on Monday.
create or replace macro udf.day_of_week(d) as dayofweek(d) + 1;
create or replace macro udf.iso_day_of_week(d) as isodow(d);
create or replace macro udf.week_start(d) as cast(date_trunc('week', d) as date);
create or replace macro udf.month_start(d) as cast(date_trunc('month', d) as date);
create or replace macro udf.quarter_start(d) as cast(date_trunc('quarter', d) as date);
create or replace macro udf.year_start(d) as cast(date_trunc('year', d) as date);
create or replace macro udf.date_of(y, m, d) as
  if(y between 1 and 9999,
     try(make_date(cast(y as bigint), cast(m as bigint), cast(d as bigint))), null);
create or replace macro udf.day_start(t) as date_trunc('day', t);
create or replace macro udf.hour_start(t) as date_trunc('hour', t);
create or replace macro udf.minute_start(t) as date_trunc('minute', t);
create or replace macro udf.second_start(t) as date_trunc('second', t);

-- Distances, from the first to the second.
create or replace macro udf.months_between(a, b) as
  datediff('month', cast(a as date), cast(b as date));
create or replace macro udf.years_between(a, b) as
  datediff('year', cast(a as date), cast(b as date));
create or replace macro udf.micros_between(a, b) as epoch_us(b) - epoch_us(a);
create or replace macro udf.millis_between(a, b) as (epoch_us(b) - epoch_us(a)) // 1000;
create or replace macro udf.seconds_between(a, b) as (epoch_us(b) - epoch_us(a)) // 1000000;

-- Text as dates and numbers, in the one form that all engines read alike.
create or replace macro udf.safe_date(s) as
  if(regexp_full_match(s, '(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}'), try_cast(s as date), null);

create or replace macro udf.array_contains(a, x) as
  coalesce(list_contains(a, x), false);
