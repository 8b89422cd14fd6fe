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

