-- Spark as GoogleSQL: the names of the narrower subset, and the schema `udf`, each function with the
-- same name and the same meaning as in `duckdb.sql`. `udf.array_contains` is not here: Spark's
-- functions take no arguments of any type.

set spark.sql.session.timeZone = UTC;
-- A name that stands twice in a document is no error; `udf.json_texts` takes the first.
set spark.sql.variant.allowDuplicateKeys = true;

create schema if not exists udf;

-- GoogleSQL's own functions. Spark's of the same name take other arguments.
create or replace temporary function date_add(d DATE, i INTERVAL DAY) returns DATE
  return cast(d + i as DATE);
create or replace temporary function date_sub(d DATE, i INTERVAL DAY) returns DATE
  return cast(d - i as DATE);
create or replace temporary function timestamp_add(t TIMESTAMP, i INTERVAL DAY TO SECOND)
  returns TIMESTAMP return t + i;
create or replace temporary function timestamp_sub(t TIMESTAMP, i INTERVAL DAY TO SECOND)
  returns TIMESTAMP return t - i;
create or replace temporary function starts_with(s STRING, part STRING) returns BOOLEAN
  return startswith(s, part);
create or replace temporary function ends_with(s STRING, part STRING) returns BOOLEAN
  return endswith(s, part);
create or replace temporary function strpos(s STRING, part STRING) returns BIGINT
  return instr(s, part);
create or replace temporary function from_hex(s STRING) returns BINARY return unhex(s);
create or replace temporary function to_hex(bytes BINARY) returns STRING return lower(hex(bytes));
create or replace temporary function json_value(document STRING, path STRING) returns STRING
  return if(
    substr(to_json(try_variant_get(try_parse_json(document), path, 'variant')), 1, 1) in ('{', '[', 'n'),
    null,
    get_json_object(document, path)
  );

-- Text of bytes; NULL if they are not UTF-8.
create or replace function udf.safe_string(bytes BINARY) returns STRING
  return try_validate_utf8(cast(bytes as STRING));

-- An integer in decimal digits; NULL for anything else.
create or replace function udf.safe_int64(s STRING) returns BIGINT
  return if(s rlike r'^[+-]?[0-9]{1,19}\z', try_cast(s as BIGINT), null);

create or replace function udf.safe_bool(s STRING) returns BOOLEAN
  return case lower(s) when 'true' then true when 'false' then false end;

-- An instant in UTC such as `2026-01-05T10:00:00.123456Z`, between 1900 and 2099; NULL for anything
-- else.
create or replace function udf.safe_timestamp(s STRING) returns TIMESTAMP
  return if(
    s rlike concat(
      '^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T',
      r'([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?Z\z'
    ),
    try_cast(s as TIMESTAMP),
    null
  );

-- Hash keys and hash differences: MD5 in hexadecimal.
create or replace function udf.hash_part(s STRING) returns STRING
  return ifnull(cast(length(s) as STRING) || ':' || s, '-');
create or replace function udf.hash_key(a STRING) returns STRING return md5(udf.hash_part(a));
create or replace function udf.hash_key_2(a STRING, b STRING) returns STRING
  return md5(udf.hash_part(a) || udf.hash_part(b));
create or replace function udf.hash_key_3(a STRING, b STRING, c STRING) returns STRING
  return md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c));
create or replace function udf.hash_key_4(a STRING, b STRING, c STRING, d STRING) returns STRING
  return md5(udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d));

create or replace function udf.hash_key_5(
  a STRING, b STRING, c STRING, d STRING, e STRING
) returns STRING return md5(
    udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d) || udf.hash_part(e)
  );
create or replace function udf.hash_key_7(
  a STRING, b STRING, c STRING, d STRING, e STRING, f STRING, g STRING
) returns STRING return md5(
    udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d) || udf.hash_part(e)
    || udf.hash_part(f) || udf.hash_part(g)
  );
create or replace function udf.hash_key_9(
  a STRING, b STRING, c STRING, d STRING, e STRING, f STRING, g STRING, h STRING, i STRING
) returns STRING return md5(
    udf.hash_part(a) || udf.hash_part(b) || udf.hash_part(c) || udf.hash_part(d) || udf.hash_part(e)
    || udf.hash_part(f) || udf.hash_part(g) || udf.hash_part(h) || udf.hash_part(i)
  );

-- The member of a dimension that stands for what is not known.
create or replace function udf.unknown_key() returns STRING
  return '00000000000000000000000000000000';

-- Parts of dates. Weeks begin on Monday.
create or replace function udf.iso_week(d DATE) returns BIGINT return weekofyear(d);
create or replace function udf.day_of_week(d DATE) returns BIGINT return dayofweek(d);
create or replace function udf.iso_day_of_week(d DATE) returns BIGINT return weekday(d) + 1;
create or replace function udf.week_start(d DATE) returns DATE return trunc(d, 'WEEK');
create or replace function udf.month_start(d DATE) returns DATE return trunc(d, 'MONTH');
create or replace function udf.quarter_start(d DATE) returns DATE return trunc(d, 'QUARTER');
create or replace function udf.year_start(d DATE) returns DATE return trunc(d, 'YEAR');
create or replace function udf.date_of(y BIGINT, m BIGINT, d BIGINT) returns DATE
  return if(
    y between 1 and 9999 and m between 1 and 12 and d between 1 and 31,
    try_cast(format_string('%04d-%02d-%02d', y, m, d) as DATE),
    null
  );
create or replace function udf.day_start(t TIMESTAMP) returns TIMESTAMP
  return date_trunc('DAY', t);
create or replace function udf.hour_start(t TIMESTAMP) returns TIMESTAMP
  return date_trunc('HOUR', t);
create or replace function udf.minute_start(t TIMESTAMP) returns TIMESTAMP
  return date_trunc('MINUTE', t);
create or replace function udf.second_start(t TIMESTAMP) returns TIMESTAMP
  return date_trunc('SECOND', t);

-- Distances, from the first to the second.
create or replace function udf.days_between(a DATE, b DATE) returns BIGINT return datediff(b, a);
create or replace function udf.months_between(a DATE, b DATE) returns BIGINT
  return (year(b) - year(a)) * 12 + month(b) - month(a);
create or replace function udf.years_between(a DATE, b DATE) returns BIGINT
  return year(b) - year(a);
create or replace function udf.micros_between(a TIMESTAMP, b TIMESTAMP) returns BIGINT
  return unix_micros(b) - unix_micros(a);
create or replace function udf.millis_between(a TIMESTAMP, b TIMESTAMP) returns BIGINT
  return (unix_micros(b) - unix_micros(a)) div 1000;
create or replace function udf.seconds_between(a TIMESTAMP, b TIMESTAMP) returns BIGINT
  return (unix_micros(b) - unix_micros(a)) div 1000000;

-- Text as dates and numbers, in the one form that all engines read alike.
create or replace function udf.safe_date(s STRING) returns DATE
  return if(s rlike r'^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}\z', try_cast(s as DATE), null);
create or replace function udf.safe_float64(s STRING) returns DOUBLE
  return if(
    s rlike r'^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?\z'
      and abs(try_cast(s as DOUBLE)) < double('Infinity'),
    try_cast(s as DOUBLE),
    null
  );

-- The hash key of a business key, and the unknown member's where there is none.
create or replace function udf.key_or_unknown(s STRING) returns STRING
  return if(ifnull(s, '') = '', udf.unknown_key(), udf.hash_key(s));

-- An amount in micros at a rate in micros, cut off to whole micros.
create or replace function udf.at_rate(amount_micros BIGINT, rate_micros BIGINT) returns BIGINT
  return cast(
    cast(amount_micros as DECIMAL(19, 0)) * cast(rate_micros as DECIMAL(19, 0)) div 1000000
    as BIGINT
  );

-- Minutes of an offset such as `+02:00`, `-0530` or `+02`; 0 if there is none.
create or replace function udf.offset_minutes(s STRING) returns BIGINT
  return ifnull(
    if(startswith(s, '-'), -1, 1) * (
      60 * try_cast(substr(s, 2, 2) as BIGINT)
      + ifnull(try_cast(replace(substr(s, 4), ':', '') as BIGINT), 0)
    ),
    0
  );

-- An instant in any of the forms of ISO 8601 that people send; NULL for anything else.
create or replace function udf.safe_iso_timestamp(s STRING) returns TIMESTAMP
  return if(
    s rlike concat(
      '^(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9]',
      r'(:[0-5][0-9]([.][0-9]{1,9})?)?( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?)?\z'
    ),
    timestampadd(
      MINUTE,
      -udf.offset_minutes(regexp_extract(s, '[T ][0-9:.]+ ?([+-][0-9]{2}:?([0-9]{2})?)$', 1)),
      try_cast(replace(
        regexp_extract(
          s, '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?', 0
        ),
        'T', ' '
      ) as TIMESTAMP)
    ),
    null
  );

-- An instant as a number since 1970, perhaps with decimals; NULL for anything else.
create or replace function udf.safe_epoch_seconds(s STRING) returns TIMESTAMP
  return if(
    s rlike r'^[0-9]{1,10}([.][0-9]+)?\z',
    timestamp_micros(cast(try_cast(s as DECIMAL(25, 9)) * 1000000 as BIGINT)), null
  );
create or replace function udf.safe_epoch_millis(s STRING) returns TIMESTAMP
  return if(
    s rlike r'^[0-9]{1,13}([.][0-9]+)?\z',
    timestamp_micros(cast(try_cast(s as DECIMAL(25, 9)) * 1000 as BIGINT)), null
  );
create or replace function udf.safe_epoch_micros(s STRING) returns TIMESTAMP
  return if(
    s rlike r'^[0-9]{1,16}([.][0-9]+)?\z',
    timestamp_micros(cast(try_cast(s as DECIMAL(25, 9)) as BIGINT)), null
  );

-- The hash of what a JSON document says, whatever the order of its keys. In one piece: Spark gives
-- lambdas to no function.
create or replace function udf.hash_json(s STRING) returns STRING
  return md5(aggregate(
    sequence(1, 8),
    array_join(transform(
      regexp_extract_all(
        s, r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}:,]|[^\[\]{}:,"\s]+', 0
      ),
      part -> if(
        part in ('{', '}', '[', ']', ':', ','),
        part,
        concat('"k', lower(hex(
          if(
            contains(part, chr(92)),
            ifnull(
              concat('"', from_json(concat('[', part, ']'), 'ARRAY<STRING>')[0], '"'), part
            ),
            part
          )
        )), '"')
      )
    ), ''),
    (document, round) -> array_join(transform(
      regexp_extract_all(document, r'\{[^\[\]{}]*\}|\[[^\[\]{}]*\]|[^\[\]{}]+|[\[\]{}]', 0),
      part -> case
        when startswith(part, '{') and length(part) > 1 then concat('"o', md5(array_join(
          if(
            size(array_distinct(transform(
              split(substr(part, 2, length(part) - 2), ','),
              member -> substring_index(member, ':', 1)
            ))) = size(split(substr(part, 2, length(part) - 2), ',')),
            sort_array(split(substr(part, 2, length(part) - 2), ',')),
            split(substr(part, 2, length(part) - 2), ',')
          ), ','
        )), '"')
        when startswith(part, '[') and length(part) > 1 then concat('"a', md5(part), '"')
        else part
      end
    ), '')
  ));

-- The quotient rounded down, also of negative numbers.
create or replace function udf.floor_div(a BIGINT, b BIGINT) returns BIGINT
  return (a - mod(mod(a, b) + b, b)) div b;

-- What the generated payload parsers are made of; queries do not call these.

-- The texts of an object's fields; NULL for what is no JSON object. In brackets the document must end
-- where it ends; a map, other than a struct, finds the first of two equal names.
create or replace function udf.json_texts(body STRING) returns MAP<STRING, STRING>
  return case when size(from_json(
    '[' || body || ']', 'ARRAY<MAP<STRING, STRING>>',
    map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')
  )) = 1 then from_json(
    '[' || body || ']', 'ARRAY<MAP<STRING, STRING>>',
    map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')
  )[0] end;

-- The fields as values, which know what they are.
create or replace function udf.json_fields(body STRING) returns MAP<STRING, VARIANT>
  return from_json(
    '[' || body || ']', 'ARRAY<MAP<STRING, VARIANT>>',
    map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')
  )[0];

-- The text of a JSON number. Spark writes doubles as Java does: with an exponent from ten millions
-- on; the others from 1e16 on.
create or replace function udf.json_number(written STRING) returns STRING
  return case
    when written not like '%E%' then written
    when abs(cast(written as DOUBLE)) >= 1e-4 and abs(cast(written as DOUBLE)) < 1e16
      then regexp_replace(
        regexp_replace(cast(cast(written as DECIMAL(38, 21)) as STRING), '0+$', ''), '[.]$', '.0'
      )
    else regexp_replace(
      regexp_replace(
        regexp_replace(regexp_replace(written, '[.]0E', 'E'), 'E([0-9])', 'e+$1'), 'E-', 'e-'
      ),
      'e([+-])([0-9])$', 'e$10$2'
    )
  end;

-- A JSON document without blanks, of which each text, number and word is a text: `k`, and what is
-- written in hexadecimal. So a part of it can be taken out, and nothing of it is written anew.
create or replace function udf.json_coded(body STRING) returns STRING
  return array_join(transform(
    regexp_extract_all(
      body, r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}:,]|[^\[\]{}:,"\s]+', 0
    ),
    part -> if(
      part in ('{', '}', '[', ']', ':', ','), part, concat('"k', lower(hex(part)), '"')
    )
  ), '');

-- A field as text; an object or an array only if the parser has not found it among the coded ones,
-- as Spark writes it.
create or replace function udf.json_text(written STRING, field VARIANT) returns STRING
  return case substr(to_json(field), 1, 1)
    when '{' then written
    when '[' then written
    when '"' then written
    when 't' then 'true'
    when 'f' then 'false'
    when 'n' then null
    else udf.json_number(written)
  end;
