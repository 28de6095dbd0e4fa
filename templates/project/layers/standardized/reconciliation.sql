/*
about        = "Every archived message is accepted, rejected or a duplicate, and only one of them, by load date and source."
grain        = ["load_date", "source"]
build        = "partition"
partition_by = "load_date"
growth       = "fixed"
owner        = "me"

[columns]
load_date       = { type = "DATE",   required = true, about = "UTC date of publication." }
source          = { type = "STRING", required = true, about = "Where the messages come from." }
archived_count  = { type = "INT64",  required = true, about = "Distinct messages in raw." }
accepted_count  = { type = "INT64",  required = true, about = "Messages that became rows." }
rejected_count  = { type = "INT64",  required = true, about = "Messages that were rejected." }
duplicate_count = { type = "INT64",  required = true, about = "Messages that brought again what was there." }
differing_count = { type = "INT64",  required = true, about = "Duplicates that are no copies: `has_other_content` in their table. Perhaps they are events of their own, and another field names an event." }
lost_count      = { type = "INT64",  required = true, about = "Archived messages in none of the three tables." }
repeated_count  = { type = "INT64",  required = true, about = "Messages in more than one of the three tables." }
invented_count  = { type = "INT64",  required = true, about = "Messages in one of the three tables that were never archived." }

[[checks]]
name   = "every message is in exactly one place"
expect = "lost_count = 0 and repeated_count = 0 and invented_count = 0"

[[checks]]
name     = "a duplicate has the content of the message before it"
expect   = "differing_count = 0"
severity = "warn"
*/
with

archived as (
  select distinct load_date, '{{source}}' as source, message_id
  from raw.{{source}}
  where load_date between @from_date and @to_date
),

placed as (
  select
    load_date, '{{source}}' as source, message_id,
    'accepted' as place, false as has_other_content
  from standardized.{{source}}
  where load_date between @from_date and @to_date
  union all
  select load_date, '{{source}}', message_id, 'rejected', false
  from standardized.{{source}}_rejected
  where load_date between @from_date and @to_date
  union all
  select load_date, '{{source}}', message_id, 'duplicate', has_other_content
  from standardized.{{source}}_duplicates
  where load_date between @from_date and @to_date
),

placed_once as (
  select
    load_date, source, message_id,
    countif(place = 'accepted') as accepted_count,
    countif(place = 'rejected') as rejected_count,
    countif(place = 'duplicate') as duplicate_count,
    countif(has_other_content) as differing_count
  from placed
  group by load_date, source, message_id
),

compared as (
  -- Both ways: what was archived and is in no table, and what is in a table and was not archived.
  select
    ifnull(a.load_date, p.load_date) as load_date,
    ifnull(a.source, p.source) as source,
    a.message_id as archived_message_id,
    p.message_id as placed_message_id,
    ifnull(p.accepted_count, 0) as accepted_count,
    ifnull(p.rejected_count, 0) as rejected_count,
    ifnull(p.duplicate_count, 0) as duplicate_count,
    ifnull(p.differing_count, 0) as differing_count
  from archived as a
  full join placed_once as p
    on p.load_date = a.load_date and p.source = a.source and p.message_id = a.message_id
),

final as (
  select
    load_date,
    source,
    countif(archived_message_id is not null) as archived_count,
    sum(accepted_count) as accepted_count,
    sum(rejected_count) as rejected_count,
    sum(duplicate_count) as duplicate_count,
    sum(differing_count) as differing_count,
    countif(placed_message_id is null) as lost_count,
    countif(accepted_count + rejected_count + duplicate_count > 1) as repeated_count,
    countif(archived_message_id is null) as invented_count
  from compared
  group by load_date, source
)

select * from final
