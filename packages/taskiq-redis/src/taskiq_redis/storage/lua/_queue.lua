-- The beginning of each script of a queue.
-- KEYS[1] is the beginning of all keys of the broker: its name in braces, so that they share a slot.
-- The default queue has these keys; the keys of another queue begin with KEYS[2].
local root = KEYS[1]
local q = KEYS[2] or root
-- Points in time are whole milliseconds since the epoch: small sorted sets compare integers fast.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function after(seconds)
  return now + math.ceil(seconds * 1000)
end

-- Wake one waiting worker. The list never has two items.
local function wake_worker()
  if redis.call('LLEN', q .. ':bell') == 0 then
    redis.call('RPUSH', q .. ':bell', '1')
  end
end

-- A store may hold anything. An unreadable value must not fail a script: it would fail for all.
local LIMIT = 2 ^ 52 -- higher numbers are not exact, and no counter gets there
local function is_count(value)
  return type(value) == 'number' and value >= 0 and value < LIMIT -- also false for NaN
end
local function is_finite(value)
  return type(value) == 'number' and value > -math.huge and value < math.huge
end

-- Whether bytes are UTF-8.
local SEQUENCES = {
  '\240[\144-\191][\128-\191][\128-\191]',
  '[\241-\243][\128-\191][\128-\191][\128-\191]',
  '\244[\128-\143][\128-\191][\128-\191]',
  '\224[\160-\191][\128-\191]',
  '[\225-\236\238\239][\128-\191][\128-\191]',
  '\237[\128-\159][\128-\191]',
  '[\194-\223][\128-\191]',
}
local function is_text(bytes)
  for _, sequence in ipairs(SEQUENCES) do
    if not string.find(bytes, '[\128-\255]') then return true end
    bytes = string.gsub(bytes, sequence, '.')
  end
  return not string.find(bytes, '[\128-\255]')
end

-- The name of a message's task; nil if its record can't be read.
local function task_name(id, message)
  local name = string.match(message, '^([^\n]*)\n')
  return name and is_text(name) and is_text(id) and name or nil
end

-- The labels of a message that the queue honours; nil if their text can't be read.
local function parse_extras(text)
  if not text then return {} end
  local is_json, extras = pcall(cjson.decode, text)
  if not is_json or type(extras) ~= 'table' then return nil end
  local after, at, key = extras.expires_after, extras.expires_at, extras.unique_key
  local is_sound = (extras.priority == nil or is_finite(extras.priority))
    and (after == nil) == (at == nil)
    and (after == nil or is_finite(after) and is_finite(at))
    and (key == nil or type(key) == 'string')
  return is_sound and extras or nil
end

local function extras_of(id)
  return parse_extras(redis.call('HGET', q .. ':extras', id)) or {}
end

-- Add to a counter. An unreadable one begins again with a number that it can't have reached.
local function next_number(key, count)
  local number = redis.pcall('INCRBY', key, count)
  if is_count(number) and number >= count then return number end
  redis.call('SET', key, now)
  return redis.call('INCRBY', key, count)
end

-- Call a function for each queue of the broker; `q` is its beginning of keys meanwhile.
local function for_each_queue(action)
  local called = q
  q = root
  action()
  for _, name in ipairs(redis.call('SMEMBERS', root .. ':queues')) do
    q = root .. ':queue:' .. name
    action()
  end
  q = called
end

-- Put a message into the queue, first or last. It may expire again.
local function enqueue(id, first)
  local extras = extras_of(id)
  local priority = extras.priority
  if extras.expires_at then redis.call('ZADD', q .. ':expiring', extras.expires_at, id) end
  if priority then
    local number = first and 0 or next_number(q .. ':number', 1)
    redis.call('ZADD', q .. ':priorities', -priority, string.format('%016d', number) .. id)
  elseif first then
    redis.call('LPUSH', q .. ':ready', id)
  else
    redis.call('RPUSH', q .. ':ready', id)
  end
end

-- Fence, number of deliveries, and number of unsettled ones; nil if the text can't be read.
local function parse_delivery(text)
  if not text then return 0, 0, 0 end
  local fence, attempt, unsettled = string.match(text, '^(%d+) (%d+) (%d+)$')
  fence, attempt, unsettled = tonumber(fence), tonumber(attempt), tonumber(unsettled)
  local is_sound = is_count(fence) and is_count(attempt) and is_count(unsettled)
  if is_sound then return fence, attempt, unsettled end
end

local function delivery_of(id)
  return parse_delivery(redis.call('HGET', q .. ':deliveries', id))
end

local function set_delivery(id, fence, attempt, unsettled)
  local text = string.format('%d %d %d', fence, attempt, unsettled)
  redis.call('HSET', q .. ':deliveries', id, text)
end

local function holds(id, fence)
  local current = delivery_of(id)
  return current ~= 0 and current == tonumber(fence)
end

-- Delete messages with all that belongs to them.
local function forget(ids)
  if #ids == 0 then return end
  redis.call('HDEL', q .. ':messages', unpack(ids))
  redis.call('HDEL', q .. ':deliveries', unpack(ids))
  redis.call('HDEL', q .. ':owners', unpack(ids))
  redis.call('ZREM', q .. ':leases', unpack(ids))
  if redis.call('EXISTS', q .. ':extras', q .. ':aborted', q .. ':copies') == 0 then return end
  for _, id in ipairs(ids) do
    local key = extras_of(id).unique_key
    if key then redis.call('HDEL', q .. ':unique', key) end
  end
  redis.call('HDEL', q .. ':extras', unpack(ids))
  redis.call('ZREM', q .. ':expiring', unpack(ids))
  redis.call('HDEL', q .. ':aborted', unpack(ids))
  redis.call('SREM', q .. ':copies', unpack(ids))
end

-- Move a message to the dead letters.
local function to_dead(id, reason, error)
  local _, attempt = delivery_of(id)
  local message = redis.call('HGET', q .. ':messages', id)
  local fields = { 'id', id, 'message', message, 'attempt', attempt or 0, 'reason', reason }
  if error then
    fields[#fields + 1] = 'error'
    fields[#fields + 1] = error
  end
  local extras = redis.call('HGET', q .. ':extras', id)
  if extras then
    fields[#fields + 1] = 'extras'
    fields[#fields + 1] = extras
  end
  redis.call('XADD', q .. ':dead', '*', unpack(fields))
  forget({ id })
end

-- Store a message under its task's id, or another id if that is taken.
local function store(id, message)
  if redis.call('HSETNX', q .. ':messages', id, message) == 1 then return id end
  local copy = id .. '\n' .. next_number(q .. ':number', 1)
  redis.call('HSET', q .. ':messages', copy, message)
  redis.call('SADD', q .. ':copies', copy)
  return copy
end

-- Store a message with labels that the queue honours. Durations are in seconds.
local function store_with_extras(id, message, delay, extras)
  if extras.expires_after then extras.expires_at = after(extras.expires_after) end
  local text = cjson.encode(extras)
  local stored = store(id, message)
  if next(extras) then redis.call('HSET', q .. ':extras', stored, text) end
  if extras.unique_key then
    redis.call('HSET', q .. ':unique', extras.unique_key, stored)
  end
  if extras.expires_after then
    redis.call('ZADD', q .. ':expiring', extras.expires_at, stored)
  end
  if delay > 0 then
    redis.call('ZADD', q .. ':delayed', after(delay), stored)
  else
    enqueue(stored, false)
  end
  return stored
end

-- Whether a message is in the queue, and could be delivered now.
local function is_waiting(id)
  if redis.call('HEXISTS', q .. ':messages', id) == 0 then return false end
  local current = delivery_of(id)
  return (current == 0 or current == nil) and not redis.call('ZSCORE', q .. ':delayed', id)
end

-- Queue delayed messages that are due.
local function enqueue_due()
  local due = redis.call('ZRANGEBYSCORE', q .. ':delayed', '-inf', now, 'LIMIT', 0, 1000)
  for _, id in ipairs(due) do
    redis.call('ZREM', q .. ':delayed', id)
    enqueue(id, false)
  end
end

-- The ids of a task's messages.
local function messages_of(task_id)
  local found = {}
  if redis.call('HEXISTS', q .. ':messages', task_id) == 1 then found[1] = task_id end
  for _, copy in ipairs(redis.call('SMEMBERS', q .. ':copies')) do
    if string.sub(copy, 1, #task_id + 1) == task_id .. '\n' then found[#found + 1] = copy end
  end
  return found
end
