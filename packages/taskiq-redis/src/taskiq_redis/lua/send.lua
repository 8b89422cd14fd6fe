-- Store messages. ARGV: how many are plain, then id and message of each; then, of each that has
-- labels for the queue: its group, id, message, delay and the rest as JSON. Of a group, all or none
-- are stored. Answers which groups were not, and because of whom: group, unique key, holder ...
local plain = tonumber(ARGV[1])
local begin, extras = 2 * plain + 2, {}
-- Before anything is stored: what can't be read is an error of all.
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
    -- A key of a message that is gone is nobody's.
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
ring()
return answer
