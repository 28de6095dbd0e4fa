-- The schema `udf` in BigQuery: each function of `duckdb.sql` with the same name and the same meaning.

create schema if not exists udf;

-- Text of bytes; NULL if they are not UTF-8.
create or replace function udf.safe_string(bytes BYTES) returns STRING as (
  safe_cast(bytes as STRING)
);

-- An integer in decimal digits; NULL for anything else.
create or replace function udf.safe_int64(s STRING) returns INT64 as (
  if(regexp_contains(s, r'^[+-]?[0-9]{1,19}$'), safe_cast(s as INT64), null)
);

create or replace function udf.safe_bool(s STRING) returns BOOL as (
  case lower(s) when 'true' then true when 'false' then false end
);

-- An instant in UTC such as `2026-01-05T10:00:00.123456Z`, between 1900 and 2099; NULL for anything
-- else.
create or replace function udf.safe_timestamp(s STRING) returns TIMESTAMP as (
  if(
    regexp_contains(
      s, r'^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?Z$'
    ),
    safe_cast(s as TIMESTAMP),
    null
  )
);

-- Hash keys and hash differences: MD5 in hexadecimal.
create or replace function udf.hash_part(s STRING) returns STRING as (
  ifnull(cast(length(s) as STRING) || ':' || s, '-')
);
create or replace function udf.hash_key(a STRING) returns STRING as (to_hex(md5(udf.hash_part(a))));
create or replace function udf.hash_key_2(a STRING, b STRING) returns STRING as (
  to_hex(md5(udf.hash_part(a) || udf.hash_part(b)))
);
create or replace function udf.hash_key_3(a STRING, b STRING, c STRING) returns STRING as (
  to_hex(md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c)))
);
create or replace function udf.hash_key_4(a STRING, b STRING, c STRING, d STRING) returns STRING as (
  to_hex(md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d)))
);

create or replace function udf.hash_key_5(
  a STRING, b STRING, c STRING, d STRING, e STRING
) returns STRING as (
  to_hex(md5(
    udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d) || udf.hash_part(e)
  ))
);
create or replace function udf.hash_key_7(
  a STRING, b STRING, c STRING, d STRING, e STRING, f STRING, g STRING
) returns STRING as (
  to_hex(md5(
    udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d) || udf.hash_part(e)
    || udf.hash_part(f) || udf.hash_part(g)
  ))
);
create or replace function udf.hash_key_9(
  a STRING, b STRING, c STRING, d STRING, e STRING, f STRING, g STRING, h STRING, i STRING
) returns STRING as (
  to_hex(md5(
    udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d) || udf.hash_part(e)
    || udf.hash_part(f) || udf.hash_part(g) || udf.hash_part(h) || udf.hash_part(i)
  ))
);

-- The member of a dimension that stands for what is not known.
create or replace function udf.unknown_key() returns STRING as ('00000000000000000000000000000000');

-- The ISO week, 1 to 53.
create or replace function udf.iso_week(d DATE) returns INT64 as (extract(isoweek from d));

-- Parts of dates that GoogleSQL spells with a keyword. Weeks begin on Monday.
create or replace function udf.day_of_week(d DATE) returns INT64 as (extract(dayofweek from d));
create or replace function udf.iso_day_of_week(d DATE) returns INT64 as (
  mod(extract(dayofweek from d) + 5, 7) + 1
);
create or replace function udf.week_start(d DATE) returns DATE as (date_trunc(d, isoweek));
create or replace function udf.month_start(d DATE) returns DATE as (date_trunc(d, month));
create or replace function udf.quarter_start(d DATE) returns DATE as (date_trunc(d, quarter));
create or replace function udf.year_start(d DATE) returns DATE as (date_trunc(d, year));
create or replace function udf.date_of(y INT64, m INT64, d INT64) returns DATE as (
  if(y between 1 and 9999, safe.date(y, m, d), null)
);
create or replace function udf.day_start(t TIMESTAMP) returns TIMESTAMP as (timestamp_trunc(t, day));
create or replace function udf.hour_start(t TIMESTAMP) returns TIMESTAMP as (
  timestamp_trunc(t, hour)
);
create or replace function udf.minute_start(t TIMESTAMP) returns TIMESTAMP as (
  timestamp_trunc(t, minute)
);
create or replace function udf.second_start(t TIMESTAMP) returns TIMESTAMP as (
  timestamp_trunc(t, second)
);

-- Distances, from the first to the second.
create or replace function udf.days_between(a DATE, b DATE) returns INT64 as (date_diff(b, a, day));
create or replace function udf.months_between(a DATE, b DATE) returns INT64 as (
  date_diff(b, a, month)
);
create or replace function udf.years_between(a DATE, b DATE) returns INT64 as (
  date_diff(b, a, year)
);
create or replace function udf.micros_between(a TIMESTAMP, b TIMESTAMP) returns INT64 as (
  timestamp_diff(b, a, microsecond)
);
create or replace function udf.millis_between(a TIMESTAMP, b TIMESTAMP) returns INT64 as (
  timestamp_diff(b, a, millisecond)
);
create or replace function udf.seconds_between(a TIMESTAMP, b TIMESTAMP) returns INT64 as (
  timestamp_diff(b, a, second)
);

-- Text as dates and numbers, in the one form that all engines read alike.
create or replace function udf.safe_date(s STRING) returns DATE as (
  if(regexp_contains(s, r'^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}$'), safe_cast(s as DATE), null)
);
create or replace function udf.safe_float64(s STRING) returns FLOAT64 as (
  if(
    regexp_contains(s, r'^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?$')
    and not is_inf(safe_cast(s as FLOAT64)),
    safe_cast(s as FLOAT64),
    null
  )
);

create or replace function udf.array_contains(a ANY TYPE, x ANY TYPE) as (
  ifnull(x in unnest(a), false)
);

-- The hash of what a JSON document says, whatever the order of its keys.
create or replace function udf.json_tokens(body STRING) returns STRING as (
  -- An aggregate of nothing is NULL.
  if(body is null, null, ifnull((
    select string_agg(
      if(
        part in ('{', '}', '[', ']', ':', ','),
        part,
        '"k' || to_hex(cast(
          if(
            strpos(part, '\\') > 0,
            ifnull('"' || json_value(safe.parse_json(part)) || '"', part),
            part
          ) as BYTES
        )) || '"'
      ),
      '' order by position
    )
    from unnest(regexp_extract_all(body, r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\[\]{}:,"\s]+')) as part
      with offset as position
  ), ''))
);
create or replace function udf.json_sorted(object STRING) returns STRING as ((
  select if(
    count(distinct split(member, ':')[offset(0)]) = count(*),
    string_agg(member, ',' order by member),
    string_agg(member, ',' order by position)
  )
  from unnest(split(substr(object, 2, length(object) - 2), ',')) as member with offset as position
));
create or replace function udf.json_folded(document STRING) returns STRING as (
  -- An aggregate of nothing is NULL.
  if(document is null, null, ifnull((
    select string_agg(
      case
        when starts_with(part, '{') and length(part) > 1
          then '"o' || to_hex(md5(udf.json_sorted(part))) || '"'
        when starts_with(part, '[') and length(part) > 1 then '"a' || to_hex(md5(part)) || '"'
        else part
      end,
      '' order by position
    )
    from unnest(regexp_extract_all(
      document, r'\{[^\[\]{}]*\}|\[[^\[\]{}]*\]|[^\[\]{}]+|[\[\]{}]'
    )) as part with offset as position
  ), ''))
);
create or replace function udf.hash_json(s STRING) returns STRING as (
  to_hex(md5(
    udf.json_folded(udf.json_folded(udf.json_folded(udf.json_folded(
      udf.json_folded(udf.json_folded(udf.json_folded(udf.json_folded(udf.json_tokens(s)))))
    ))))
  ))
);

-- The quotient rounded down, also of negative numbers.
create or replace function udf.floor_div(a INT64, b INT64) returns INT64 as (
  div(a - mod(mod(a, b) + b, b), b)
);

-- The hash key of a business key, and the unknown member's where there is none.
create or replace function udf.key_or_unknown(s STRING) returns STRING as (
  if(ifnull(s, '') = '', udf.unknown_key(), udf.hash_key(s))
);

-- An amount in micros at a rate in micros, cut off to whole micros.
create or replace function udf.at_rate(amount_micros INT64, rate_micros INT64) returns INT64 as (
  cast(trunc(
    cast(amount_micros as BIGNUMERIC) * cast(rate_micros as BIGNUMERIC) / 1000000
  ) as INT64)
);

-- Minutes of an offset such as `+02:00`, `-0530` or `+02`; 0 if there is none.
create or replace function udf.offset_minutes(s STRING) returns INT64 as (
  ifnull(
    if(starts_with(s, '-'), -1, 1) * (
      60 * safe_cast(substr(s, 2, 2) as INT64)
      + ifnull(safe_cast(replace(substr(s, 4), ':', '') as INT64), 0)
    ),
    0
  )
);

-- An instant in any of the forms of ISO 8601 that people send; NULL for anything else.
create or replace function udf.safe_iso_timestamp(s STRING) returns TIMESTAMP as (
  if(
    regexp_contains(
      s,
      r'^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?'
      r'( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?)?$'
    ) and not regexp_contains(s, r'[.][0-9]{10}'),
    timestamp_sub(
      safe_cast(
        regexp_replace(
          replace(
            regexp_extract(
              s,
              r'^([0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]{1,6})?)?)?)'
            ),
            'T', ' '
          ),
          r'( [0-9]{2}:[0-9]{2})$', r'\1:00'
        ) as TIMESTAMP
      ),
      interval udf.offset_minutes(
        regexp_extract(s, r'[T ][0-9:.]+ ?([+-][0-9]{2}:?(?:[0-9]{2})?)$')
      ) minute
    ),
    null
  )
);

-- An instant as a number since 1970, perhaps with decimals; NULL for anything else.
create or replace function udf.safe_epoch_seconds(s STRING) returns TIMESTAMP as (
  if(
    regexp_contains(s, r'^[0-9]{1,10}([.][0-9]+)?$'),
    timestamp_micros(cast(trunc(safe_cast(s as NUMERIC) * 1000000) as INT64)), null
  )
);
create or replace function udf.safe_epoch_millis(s STRING) returns TIMESTAMP as (
  if(
    regexp_contains(s, r'^[0-9]{1,13}([.][0-9]+)?$'),
    timestamp_micros(cast(trunc(safe_cast(s as NUMERIC) * 1000) as INT64)), null
  )
);
create or replace function udf.safe_epoch_micros(s STRING) returns TIMESTAMP as (
  if(
    regexp_contains(s, r'^[0-9]{1,16}([.][0-9]+)?$'),
    timestamp_micros(cast(trunc(safe_cast(s as NUMERIC)) as INT64)), null
  )
);

-- What the generated payload parsers are made of; queries do not call these.

-- A JSON document; NULL for what is not one. A number whose size no FLOAT64 has is a number still,
-- as in DuckDB: its digits and exponent are cut, and `udf.json_number` reads them from the text.
create or replace function udf.json_document(body STRING) returns JSON as (
  if(
    starts_with(body, '\ufeff') or strpos(body, '\x00') > 0,
    null,
    ifnull(
      safe.parse_json(body, wide_number_mode => 'round'),
      safe.parse_json(
        regexp_replace(
          body,
          r'("(?:[^"\\]|\\.)*")|(-?[0-9]{1,30})[0-9]*(\.[0-9]{1,30})?[0-9]*(?:[eE][-+]?[0-9]+)?',
          r'\1\2\3'
        ),
        wide_number_mode => 'round'
      )
    )
  )
);

-- The text of a JSON number: of an integer its digits, of others the shortest of their FLOAT64.
create or replace function udf.json_number(written STRING) returns STRING as (
  case
    when written = '-0' then '0'
    when regexp_contains(written, r'^-?[0-9]+$') then written
    when abs(safe_cast(written as FLOAT64)) >= 1e15 and abs(safe_cast(written as FLOAT64)) < 1e16
      then format('%.1f', safe_cast(written as FLOAT64))
    else ifnull(json_value(safe.parse_json(written, wide_number_mode => 'round')), written)
  end
);

-- A JSON document without blanks, of which each text, number and word is a text: `k`, and what is
-- written in hexadecimal. So a part of it can be taken out, and nothing of it is written anew.
create or replace function udf.json_coded(body STRING) returns STRING as ((
  select string_agg(
    if(part in ('{', '}', '[', ']', ':', ','), part, '"k' || to_hex(cast(part as BYTES)) || '"'),
    '' order by position
  )
  from unnest(regexp_extract_all(body, r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\[\]{}:,"\s]+')) as part
    with offset as position
));
create or replace function udf.json_decoded(coded STRING) returns STRING as ((
  select string_agg(
    if(
      starts_with(part, '"'),
      safe_cast(from_hex(substr(part, 3, length(part) - 3)) as STRING), part
    ),
    '' order by position
  )
  from unnest(regexp_extract_all(coded, r'"[^"]*"|[^"]+')) as part with offset as position
));

-- A field as text; an object and an array as they were sent, without blanks. They are not found
-- among the coded ones if their own key is written with an escape.
create or replace function udf.json_text(field JSON, written STRING, coded STRING) returns STRING as (
  case json_type(field)
    when 'object' then ifnull(udf.json_decoded(coded), to_json_string(field))
    when 'array' then ifnull(udf.json_decoded(coded), to_json_string(field))
    when 'number' then udf.json_number(written)
    when 'null' then null
    else json_value(field)
  end
);
