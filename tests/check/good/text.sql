select
  user_hk,
  upper(trim(user_id)) as user_id,
  regexp_extract(user_id, '^([a-z]+)-[0-9]+$') as prefix,
  regexp_replace(user_id, '[^0-9]', '') as digits,
  split(user_id, '-')[safe_offset(1)] as second_part,
  array_length(split(user_id, '-')) as part_count,
  to_hex(sha256(user_id)) as hash,
  user_id like 'u%' as is_new,
  'a' || cast(length(user_id) as STRING) || ifnull(record_source, '') as label,
  substr(user_id, -3) as ending,
  if(starts_with(user_id, 'x'), null, user_id) as maybe_id,
  abs(length(user_id) - 3) + mod(length(user_id), 2) * 2 as number,
  cast(round(length(user_id) / 7) as INT64) as sevenths,
  json_value('{"a": {"b": 1}}', '$.a.b') as inner_value,
  udf.safe_int64(json_value('{"n": "5"}', '$.n')) as n,
  greatest(length(user_id), 1, 2) as longest,
  first_load_date + 7 as next_week,
  first_seen_at < '2026-01-05 00:00:00+00' and first_load_date >= '2026-01-01' as is_early
from vault.hub_user
where record_source in ('db_users', 'mobile_events/search') and not (user_id = '' or user_id is null)
