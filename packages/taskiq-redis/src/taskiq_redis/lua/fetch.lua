-- Lease messages to a worker. ARGV: how many at most, seconds of the lease.
-- Answers: seconds until there may be more (empty for: as long as you like), then a list of those
-- that expired (id, task, fence, seconds they had), then of those that are leased (id, message, fence,
-- attempt, unsettled, aborted, and what of it can't be read if that is so).
local limit, lease_until = tonumber(ARGV[1]), after(ARGV[2])
local LARGE = 16 * 1024 * 1024

for _, id in ipairs(redis.call('ZRANGEBYSCORE', q .. ':delayed', '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', q .. ':delayed', id)
  enqueue(id, false)
end

-- What is late is leased to be buried: its caller is to be told first. It is looked for again when
-- that lease is over. The bodies are read for nothing: of large ones a few are enough for once.
local expired, read = {}, 0
local late = redis.call('ZRANGEBYSCORE', q .. ':expiring', '-inf', now, 'LIMIT', 0, 100)
for _, id in ipairs(late) do
  if read > LARGE then break end
  local message = redis.call('HGET', q .. ':messages', id) or ''
  read = read + #message
  local name = task_name(id, message)
  local expires_after = extras_of(id).expires_after
  local current, attempt, unsettled = delivery_of(id)
  local can_be_read = name and expires_after and current
  local lease = current ~= 0 and tonumber(redis.call('ZSCORE', q .. ':leases', id)) or 0
  if can_be_read and lease > now then
    redis.call('ZADD', q .. ':expiring', lease, id)
  elseif can_be_read and redis.call('HEXISTS', q .. ':aborted', id) == 0 then
    local fence = next_number(':fence', 1)
    set_delivery(id, fence, attempt, unsettled)
    redis.call('ZADD', q .. ':leases', lease_until, id)
    redis.call('ZADD', q .. ':expiring', lease_until, id)
    redis.call('ZREM', q .. ':delayed', id)
    expired[#expired + 1] = { id, name, fence, tostring(expires_after) }
  else -- also what can't be read: that is delivered, to be buried for it
    redis.call('ZREM', q .. ':expiring', id)
  end
end

-- What was dropped, buried or delayed while it waited is still in line; what is late waits to be
-- buried.
local has_delayed = redis.call('EXISTS', q .. ':delayed') == 1
local has_expiring = redis.call('EXISTS', q .. ':expiring') == 1
local function is_for_later(id)
  if has_delayed and redis.call('ZSCORE', q .. ':delayed', id) then return true end
  local ends = has_expiring and redis.call('ZSCORE', q .. ':expiring', id)
  return ends and tonumber(ends) <= now and redis.call('HEXISTS', q .. ':aborted', id) == 0
end

local has_extras = redis.call('EXISTS', q .. ':extras') == 1
local ids, messages, before, problems, seen, bytes, looked = {}, {}, {}, {}, {}, 0, 0
local function take(candidates)
  looked = looked + #candidates
  local found = redis.call('HMGET', q .. ':messages', unpack(candidates))
  local deliveries = redis.call('HMGET', q .. ':deliveries', unpack(candidates))
  local extras = has_extras and redis.call('HMGET', q .. ':extras', unpack(candidates)) or {}
  for n, id in ipairs(candidates) do
    local delivery, problem = deliveries[n], nil
    local is_free = not delivery
    if delivery then
      local current = parse_delivery(delivery)
      is_free = current == 0 or current == nil
      if current == nil then problem = 'its count of deliveries is ' .. delivery end
    end
    if extras[n] and not parse_extras(extras[n]) then problem = 'its labels are ' .. extras[n] end
    if found[n] and is_free and not seen[id] and not is_for_later(id) then
      seen[id] = true
      ids[#ids + 1] = id
      messages[#messages + 1] = found[n]
      before[#ids] = delivery
      problems[#ids] = problem
      bytes = bytes + #found[n]
    end
  end
end

local function room()
  -- An answer of many megabytes, or a long look, holds up everybody.
  if bytes > LARGE or looked >= 1000 then return 0 end
  local most = limit - #ids
  if #ids > 0 and bytes / #ids > 65536 then most = math.min(most, 10) end
  return math.min(most, #ids == 0 and 10 or 1000)
end

-- They leave the line when their leases are written: a script that is cut short, as for want of a
-- right, must not lose them.
local members, ready = {}, 0
local function take_priorities(low, high)
  local at = 0
  while room() > 0 do
    local range = { q .. ':priorities', low, high, 'LIMIT', at, room() }
    local found = redis.call('ZRANGEBYSCORE', unpack(range))
    if #found == 0 then return end
    at = at + #found
    local candidates = {}
    for n, member in ipairs(found) do
      members[#members + 1] = member
      candidates[n] = string.sub(member, 17)
    end
    take(candidates)
  end
end

local has_priorities = redis.call('EXISTS', q .. ':priorities') == 1
if has_priorities then take_priorities('-inf', '(0') end
while room() > 0 do
  local candidates = redis.call('LRANGE', q .. ':ready', ready, ready + room() - 1)
  if #candidates == 0 then break end
  ready = ready + #candidates
  take(candidates)
end
if has_priorities then take_priorities('0', '+inf') end

local leased = {}
if #ids > 0 then
  local fence = next_number(':fence', #ids) - #ids
  local aborted = redis.call('EXISTS', q .. ':aborted') == 1
  local deliveries, leases = {}, {}
  for n, id in ipairs(ids) do
    local attempt, unsettled = 0, 0
    if before[n] then
      local _, counted, lost = parse_delivery(before[n])
      attempt, unsettled = counted or 0, lost or 0
    end
    deliveries[2 * n - 1] = id
    deliveries[2 * n] = string.format('%d %d %d', fence + n, attempt + 1, unsettled)
    leases[2 * n - 1] = lease_until
    leases[2 * n] = id
    local is_aborted = aborted and redis.call('HEXISTS', q .. ':aborted', id) or 0
    leased[n] = { id, messages[n], fence + n, attempt + 1, unsettled, is_aborted, problems[n] }
  end
  redis.call('HSET', q .. ':deliveries', unpack(deliveries))
  redis.call('ZADD', q .. ':leases', unpack(leases))
end
if ready > 0 then redis.call('LTRIM', q .. ':ready', ready, -1) end
if #members > 0 then redis.call('ZREM', q .. ':priorities', unpack(members)) end

if redis.call('EXISTS', q .. ':ready', q .. ':priorities') > 0 then
  ring() -- this worker is full: another one may have room
end
local wait = ''
for _, key in ipairs({ ':delayed', ':expiring' }) do
  local first = redis.call('ZRANGE', q .. key, 0, 0, 'WITHSCORES')
  if first[2] then
    local seconds = math.max(tonumber(first[2]) - now, 0) / 1000
    if wait == '' or seconds < wait then wait = seconds end
  end
end
return { tostring(wait), expired, leased }
