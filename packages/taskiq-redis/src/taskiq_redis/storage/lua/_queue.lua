-- The beginning of each script of a queue.
-- KEYS[1] is the beginning of all keys of the broker: its name in braces, so that they share a slot.
-- The default queue has these keys; the keys of another queue begin with KEYS[2].
local root = KEYS[1]
local q = KEYS[2] or root

-- Wake one waiting worker. The list never has two items.
local function wake_worker()
  if redis.call('LLEN', q .. ':bell') == 0 then
    redis.call('RPUSH', q .. ':bell', '1')
  end
end

-- A script that fails half-way, as for want of a right, is not undone. So it puts a message into its new
-- place before it takes it from the old one: a message in two places is found, one in none is lost.

-- A full server lets a script go on that begins with this.
local function begin_writing()
  redis.call('DEL', q .. ':nothing')
end

-- A store may hold anything. An unreadable value must not fail a script: it would fail for all.
local LIMIT = 2 ^ 52 -- higher numbers are not exact, and no counter gets there
local function is_count(value)
  return type(value) == 'number' and value >= 0 and value < LIMIT -- also false for NaN
end
local function is_finite(value)
  return type(value) == 'number' and value > -math.huge and value < math.huge
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

-- Fence, number of deliveries, of unsettled ones, and of failures of the task, which is left out while
-- it is 0; nil if the text can't be read.
local function parse_delivery(text)
  if not text then return 0, 0, 0, 0 end
  local fence, attempt, unsettled, failures = string.match(text, '^(%d+) (%d+) (%d+) ?(%d*)$')
  fence, attempt, unsettled = tonumber(fence), tonumber(attempt), tonumber(unsettled)
  failures = failures == '' and 0 or tonumber(failures)
  local is_sound = is_count(fence) and is_count(attempt) and is_count(unsettled)
  if is_sound and is_count(failures) then return fence, attempt, unsettled, failures end
end

local function delivery_text(fence, attempt, unsettled, failures)
  local text = string.format('%d %d %d', fence, attempt, unsettled)
  return failures > 0 and text .. string.format(' %d', failures) or text
end

local function delivery_of(id)
  return parse_delivery(redis.call('HGET', q .. ':deliveries', id))
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

