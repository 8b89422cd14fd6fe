-- Store messages. KEYS[2] and so on: the queues that they go to; without them, the default queue.
-- ARGV: 1 if the time is to be noted; for each queue the number of plain messages, then id and record
-- of each of them, by queue; then, of each one with labels: its group, number of its queue, id,
-- record, delay and the other labels as JSON. All messages of a group are stored, or none. Returns of
-- each refused group: its number, the unique key that is taken, and the id of the message that has it.
local queues = { unpack(KEYS, 2) }
if #queues == 0 then queues[1] = root end
local begin = 2 + #queues
for n = 1, #queues do begin = begin + 2 * ARGV[1 + n] end
local extras = {}
-- Read before anything is stored: an error fails all.
for at = begin, #ARGV, 6 do extras[at] = cjson.decode(ARGV[at + 5]) end

local touched, at = {}, 2 + #queues
for n, queue in ipairs(queues) do
  q = queue
  local count = tonumber(ARGV[1 + n])
  if count > 0 then
    local ids = {}
    for m = 1, count do
      ids[m] = store(ARGV[at], ARGV[at + 1])
      at = at + 2
    end
    for first = 1, count, 1000 do
      redis.call('RPUSH', q .. ':ready', unpack(ids, first, math.min(first + 999, count)))
    end
    touched[n] = ids[1]
  end
end

local refused, answer, own = {}, {}, {}
for at = begin, #ARGV, 6 do
  local group = ARGV[at]
  q = queues[tonumber(ARGV[at + 1])]
  local key = extras[at].unique_key
  if key and not refused[group] then
    local holder = redis.call('HGET', q .. ':unique', key)
    -- The key of a message that is gone is free.
    if holder and redis.call('HEXISTS', q .. ':messages', holder) == 0 then holder = false end
    local name = q .. '\n' .. key
    holder = holder or (own[name] and own[name].id)
    if holder then
      refused[group] = true
      answer[#answer + 1] = group
      answer[#answer + 1] = key
      answer[#answer + 1] = holder
      for taken, by in pairs(own) do
        if by.group == group then own[taken] = nil end
      end
    else
      own[name] = { group = group, id = ARGV[at + 2] }
    end
  end
end
for at = begin, #ARGV, 6 do
  if not refused[ARGV[at]] then
    local n = tonumber(ARGV[at + 1])
    q = queues[n]
    local delay = tonumber(ARGV[at + 4])
    local stored = store_with_extras(ARGV[at + 2], ARGV[at + 3], delay, extras[at])
    touched[n] = touched[n] or (delay <= 0 and stored or '')
  end
end
local function is_gone(id)
  return redis.call('HEXISTS', q .. ':messages', id) == 0 or delivery_of(id) ~= 0
end

-- Note when a message came, once a second, for the age of the oldest: `stats` finds the time of the
-- first waiting message between two notes. The longer the notes reach back, the rarer they become.
local function note_time(id)
  local notes = redis.call('LRANGE', q .. ':sent', 0, 1)
  local last = redis.call('LRANGE', q .. ':sent', -1, -1)[1]
  if last then
    local first_at, last_at = tonumber(string.match(notes[1], '^%d+')), string.match(last, '^%d+')
    local span = (tonumber(last_at) or now) - (first_at or now)
    if last_at and now - last_at < math.max(1000, span / 1000) then return end
  end
  -- One note of a message that is gone is kept: the messages after it are at most that old.
  for _ = 1, 100 do
    if not notes[2] or not is_gone(string.match(notes[2], '^%d+ (.*)$') or '') then break end
    redis.call('LPOP', q .. ':sent')
    notes = redis.call('LRANGE', q .. ':sent', 0, 1)
  end
  redis.call('RPUSH', q .. ':sent', string.format('%d ', now) .. id)
end

for n, queue in ipairs(queues) do
  if touched[n] then
    q = queue
    if q ~= root then redis.call('SADD', root .. ':queues', string.sub(q, #root + 8)) end
    if ARGV[1] == '1' and touched[n] ~= '' then note_time(touched[n]) end
    wake_worker()
  end
end
return answer
