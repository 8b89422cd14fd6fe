-- Store messages. ARGV: the number of plain ones, then id and record of each; then, of each one with
-- labels for the queue: its group, id, record, delay and the other labels as JSON. All messages of a
-- group are stored, or none. Returns of each refused group: its number, the unique key that is taken,
-- and the id of the message that has it.
local plain = tonumber(ARGV[1])
local begin, extras = 2 * plain + 2, {}
-- Read before anything is stored: an error fails all.
for at = begin, #ARGV, 5 do extras[at] = cjson.decode(ARGV[at + 4]) end

local ids = {}
for n = 1, plain do
  ids[n] = store(ARGV[2 * n], ARGV[2 * n + 1])
end
for first = 1, #ids, 1000 do
  redis.call('RPUSH', q .. ':ready', unpack(ids, first, math.min(first + 999, #ids)))
end

local refused, answer, own = {}, {}, {}
for at = begin, #ARGV, 5 do
  local group = ARGV[at]
  local key = extras[at].unique_key
  if key and not refused[group] then
    local holder = redis.call('HGET', q .. ':unique', key)
    -- The key of a message that is gone is free.
    if holder and redis.call('HEXISTS', q .. ':messages', holder) == 0 then holder = false end
    holder = holder or (own[key] and own[key].id)
    if holder then
      refused[group] = true
      answer[#answer + 1] = group
      answer[#answer + 1] = key
      answer[#answer + 1] = holder
      for taken, by in pairs(own) do
        if by.group == group then own[taken] = nil end
      end
    else
      own[key] = { group = group, id = ARGV[at + 1] }
    end
  end
end
for at = begin, #ARGV, 5 do
  if not refused[ARGV[at]] then
    store_with_extras(ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3]), extras[at])
  end
end
wake_worker()
return answer
