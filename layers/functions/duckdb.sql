-- DuckDB as GoogleSQL: settings, types and functions that give GoogleSQL's names their meaning.
-- What cannot be spelled alike in all engines is a function in the schema `udf`.

set default_null_order = 'nulls_first_on_asc_last_on_desc';

create schema if not exists udf;

-- GoogleSQL's own functions.
create or replace macro date_add(d, i) as cast(d + i as date);
create or replace macro date_sub(d, i) as cast(d - i as date);
create or replace macro timestamp_add(t, i) as t + i;
create or replace macro timestamp_sub(t, i) as t - i;
create or replace macro unix_micros(t) as epoch_us(t);
create or replace macro timestamp_micros(i) as make_timestamp(cast(i as bigint));
-- An overflow is NULL.
create or replace macro safe_add(a, b) as try_cast(cast(a as hugeint) + b as bigint);
create or replace macro safe_subtract(a, b) as try_cast(cast(a as hugeint) - b as bigint);
create or replace macro safe_multiply(a, b) as try_cast(cast(a as hugeint) * b as bigint);
create or replace macro json_value(document, path) as
  if(json_type(document, path) in ('OBJECT', 'ARRAY'), null, json_extract_string(document, path));

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
  if(regexp_full_match(s, '(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?Z'),
     try_cast(replace(rtrim(s, 'Z'), 'T', ' ') as timestamp), null);

-- Hash keys and hash differences: MD5 in hexadecimal. Parts are told apart by their lengths, and a
-- NULL from an empty text, so that no two tuples share a key. One name for each count of parts:
-- BigQuery's functions have no overloads.
create or replace macro udf.hash_part(s) as ifnull(cast(length(s) as varchar) || ':' || s, '-');
create or replace macro udf.hash_key(a) as md5(udf.hash_part(a));
create or replace macro udf.hash_key_2(a, b) as md5(udf.hash_part(a) || udf.hash_part(b));
create or replace macro udf.hash_key_3(a, b, c) as
  md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c));
create or replace macro udf.hash_key_4(a, b, c, d) as
  md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d));
create or replace macro udf.hash_key_5(a, b, c, d, e) as
  md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d)
    || udf.hash_part(e));
create or replace macro udf.hash_key_7(a, b, c, d, e, f, g) as
  md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d)
    || udf.hash_part(e) || udf.hash_part(f) || udf.hash_part(g));
create or replace macro udf.hash_key_9(a, b, c, d, e, f, g, h, i) as
  md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d)
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
     try_cast(replace(regexp_extract(s, '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?'), 'T', ' ') as timestamp)
       - to_minutes(udf.offset_minutes(regexp_extract(s, '[T ][0-9:.]+ ?([+-][0-9]{2}:?([0-9]{2})?)$', 1))),
     null);

-- An instant as a number of seconds, milliseconds or microseconds since 1970, perhaps with decimals;
-- NULL for anything else.
create or replace macro udf.safe_epoch_seconds(s) as
  if(regexp_full_match(s, '[0-9]{1,10}([.][0-9]+)?'),
     make_timestamp(cast(trunc(try_cast(s as decimal(38, 9)) * 1000000) as bigint)), null);
create or replace macro udf.safe_epoch_millis(s) as
  if(regexp_full_match(s, '[0-9]{1,13}([.][0-9]+)?'),
     make_timestamp(cast(trunc(try_cast(s as decimal(38, 9)) * 1000) as bigint)), null);
create or replace macro udf.safe_epoch_micros(s) as
  if(regexp_full_match(s, '[0-9]{1,16}([.][0-9]+)?'),
     make_timestamp(cast(trunc(try_cast(s as decimal(38, 9))) as bigint)), null);
