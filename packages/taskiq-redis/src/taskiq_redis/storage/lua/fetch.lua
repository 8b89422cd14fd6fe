-- Lease messages to a worker. KEYS[2] and so on: its queues, in the order in which they are looked at;
-- without them, the default queue. ARGV: how many messages at most, seconds of the lease, how many
-- expired ones at most, and the worker or ''. Expired messages count among all, unless only they are
-- asked for.
-- Returns seconds until more may be due ('' if nothing is), then a list for each queue. Of each leased
-- message: id, record, fence, attempt, unsettled, failures, state (0, 1 if it is aborted, 2 if it has
-- expired), and what of it can't be read if that is so.
local limit, lease_until = tonumber(ARGV[1]), after(ARGV[2])
local max_expired, owner = tonumber(ARGV[3]), ARGV[4]
local ABORTED, EXPIRED = 1, 2
local LARGE = 16 * 1024 * 1024
local queues = { unpack(KEYS, 2) }
if #queues == 0 then queues[1] = root end
local bytes, total = 0, 0
local has = {} -- which of the keys that few messages need exist

local function own(fences)
  if owner == '' or #fences == 0 then return end
  for n = 2, #fences, 2 do fences[n] = string.format('%d ', fences[n]) .. owner end
  redis.call('HSET', q .. ':owners', unpack(fences))
end

-- An expired message is leased to be refused, and looked for again when that lease is over.
local function lease_expired(most, leased)
  local expired = redis.call('ZRANGEBYSCORE', q .. ':expiring', '-inf', now, 'LIMIT', 0, 100)
  local fences = {}
  for _, id in ipairs(expired) do
    if bytes > LARGE or #leased >= most then break end
    local message = redis.call('HGET', q .. ':messages', id) or ''
    local current, attempt, unsettled, failures = delivery_of(id)
    local can_be_read = task_name(id, message) and extras_of(id).expires_after and current
    local lease = current ~= 0 and tonumber(redis.call('ZSCORE', q .. ':leases', id)) or 0
    if can_be_read and lease > now then
      redis.call('ZADD', q .. ':expiring', lease, id)
    elseif can_be_read and redis.call('HEXISTS', q .. ':aborted', id) == 0 then
      local fence = next_number(root .. ':fence', 1)
      redis.call('ZADD', q .. ':leases', lease_until, id)
      set_delivery(id, fence, attempt, unsettled, failures)
      redis.call('ZADD', q .. ':expiring', lease_until, id)
      redis.call('ZREM', q .. ':delayed', id)
      bytes = bytes + #message
      leased[#leased + 1] = { id, message, fence, attempt, unsettled, failures, EXPIRED }
      fences[#fences + 1] = id
      fences[#fences + 1] = fence
    else -- an unreadable one is delivered like others, and buried for that
      redis.call('ZREM', q .. ':expiring', id)
    end
  end
  own(fences)
end

-- The ids of messages that were dropped, buried or delayed while they waited are still in the list;
-- an expired one is leased by the function above.
local function is_for_later(id)
  if has.delayed and redis.call('ZSCORE', q .. ':delayed', id) then return true end
  local ends = has.expiring and redis.call('ZSCORE', q .. ':expiring', id)
  return ends and tonumber(ends) <= now and redis.call('HEXISTS', q .. ':aborted', id) == 0
end

local function lease_waiting(most, leased)
  local ids, messages, before, problems, seen, looked = {}, {}, {}, {}, {}, 0
  local function take(candidates)
    looked = looked + #candidates
    local found = redis.call('HMGET', q .. ':messages', unpack(candidates))
    local deliveries = redis.call('HMGET', q .. ':deliveries', unpack(candidates))
    local extras = has.extras and redis.call('HMGET', q .. ':extras', unpack(candidates)) or {}
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

  -- How many candidates to look at next.
  local function next_count()
    -- A reply of many megabytes, or a long search, holds up all other clients.
    if bytes > LARGE or looked >= 1000 then return 0 end
    local count = most - #ids
    if #ids > 0 and bytes / #ids > 65536 then count = math.min(count, 10) end
    return math.min(count, #ids == 0 and 10 or 1000)
  end

  -- Ids leave the list when their leases are written.
  local members, ready = {}, 0
  local function take_priorities(low, high)
    local at = 0
    while next_count() > 0 do
      local range = { q .. ':priorities', low, high, 'LIMIT', at, next_count() }
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

  if has.priorities then take_priorities('-inf', '(0') end
  while next_count() > 0 do
    local candidates = redis.call('LRANGE', q .. ':ready', ready, ready + next_count() - 1)
    if #candidates == 0 then break end
    ready = ready + #candidates
    take(candidates)
  end
  if has.priorities then take_priorities('0', '+inf') end

  if #ids > 0 then
    local fence = next_number(root .. ':fence', #ids) - #ids
    local deliveries, leases, fences = {}, {}, {}
    for n, id in ipairs(ids) do
      local attempt, unsettled, failures = 0, 0, 0
      if before[n] then
        local _, counted, lost, failed = parse_delivery(before[n])
        attempt, unsettled, failures = counted or 0, lost or 0, failed or 0
      end
      attempt = attempt + 1
      deliveries[2 * n - 1] = id
      deliveries[2 * n] = delivery_text(fence + n, attempt, unsettled, failures)
      leases[2 * n - 1] = lease_until
      leases[2 * n] = id
      fences[2 * n - 1] = id
      fences[2 * n] = fence + n
      local is_aborted = has.aborted and redis.call('HEXISTS', q .. ':aborted', id) == 1
      local state = is_aborted and ABORTED or 0
      leased[#leased + 1] =
        { id, messages[n], fence + n, attempt, unsettled, failures, state, problems[n] }
    end
    redis.call('ZADD', q .. ':leases', unpack(leases))
    redis.call('HSET', q .. ':deliveries', unpack(deliveries))
    own(fences)
  end
  if ready > 0 then redis.call('LTRIM', q .. ':ready', ready, -1) end
  if #members > 0 then redis.call('ZREM', q .. ':priorities', unpack(members)) end
end

local wait, reply = '', { '' }
for n, queue in ipairs(queues) do
  q = queue
  local leased = {}
  reply[n + 1] = leased
  -- One command tells that a queue is neither paused nor needs a look at the rare keys.
  local rare = redis.call('EXISTS', q .. ':paused', q .. ':delayed', q .. ':expiring',
    q .. ':extras', q .. ':priorities', q .. ':aborted') > 0
  local is_paused = rare and redis.call('EXISTS', q .. ':paused') == 1
  if not is_paused then
    has = {}
    if rare then
      enqueue_due()
      lease_expired(max_expired, leased)
      for _, key in ipairs({ 'delayed', 'expiring', 'extras', 'priorities', 'aborted' }) do
        has[key] = redis.call('EXISTS', q .. ':' .. key) == 1
      end
    end
    max_expired = max_expired - #leased
    local most = limit - total - #leased
    if most > 0 then lease_waiting(most, leased) end
    total = total + #leased
    if limit > 0 and redis.call('EXISTS', q .. ':ready', q .. ':priorities') > 0 then
      wake_worker() -- this one is full; another may have free slots
    end
    for _, key in ipairs(rare and { 'delayed', 'expiring' } or {}) do
      local first = has[key] and redis.call('ZRANGE', q .. ':' .. key, 0, 0, 'WITHSCORES') or {}
      if first[2] then
        local seconds = math.max(tonumber(first[2]) - now, 0) / 1000
        if wait == '' or seconds < wait then wait = seconds end
      end
    end
  end
end
reply[1] = tostring(wait)
return reply
