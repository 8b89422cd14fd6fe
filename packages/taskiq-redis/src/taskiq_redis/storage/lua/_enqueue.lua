-- Add to a counter. An unreadable one begins again with a number that it can't have reached.
local function next_number(key, count)
  local number = redis.pcall('INCRBY', key, count)
  if is_count(number) and number >= count then return number end
  redis.call('SET', key, now)
  return redis.call('INCRBY', key, count)
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

local function set_delivery(id, fence, attempt, unsettled, failures)
  local text = delivery_text(fence, attempt, unsettled, failures)
  redis.call('HSET', q .. ':deliveries', id, text)
end

